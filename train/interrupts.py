"""Ctrl-C without half-done work: the step that runs is finished first."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def delayed_interrupt() -> Iterator[Callable[[], None]]:
    """Hold back the first Ctrl-C; yield a function that raises it as KeyboardInterrupt.

    A second Ctrl-C is not held back. Outside the main thread, or where Ctrl-C is ignored (as in a
    background job), nothing is changed.
    """
    came = False
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) in {signal.SIG_IGN, None}:
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
