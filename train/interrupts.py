"""Ctrl-C without half-done work: the step that runs is finished first."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def can_hold() -> bool:
    """Say whether Ctrl-C can be held back here: in the main thread, where it is not ignored."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) not in {signal.SIG_IGN, None}


@contextmanager
def delayed_interrupt() -> Iterator[Callable[[], None]]:
    """Hold back the first Ctrl-C; yield a function that raises it as KeyboardInterrupt.

    A second Ctrl-C is not held back. Outside the main thread, or where Ctrl-C is ignored (as in a
    background job), nothing is changed.
    """
    came = False
    if not can_hold():
        yield lambda: None
        return

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        signal.signal(signal.SIGINT, before)

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold back Ctrl-C, however often it comes, until what is done is whole."""
    came = False
    if not can_hold():
        yield
        return

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)
