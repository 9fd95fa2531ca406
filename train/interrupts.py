"""Ctrl-C without half-done work: the step that runs is finished first.

So it is with SIGTERM, by which services and queues of jobs stop a run, and SIGHUP, by which a
closed connection does.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

# Windows knows the first two
KINDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
Note = Callable[[int, FrameType | None], None]


def held_kinds() -> list[signal.Signals]:
    """Return the signals that can be held back here: in the main thread, those not ignored."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [kind for kind in KINDS if signal.getsignal(kind) not in {signal.SIG_IGN, None}]


@contextmanager
def noted(note: Note) -> Iterator[None]:
    """Call `note` for each signal that can be held back, while the block runs."""
    with ExitStack() as stack:
        for kind in held_kinds():
            stack.callback(signal.signal, kind, signal.signal(kind, note))
        yield


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """Hold back the first Ctrl-C; yield a function that says whether it came.

    A second one is not held back. Outside the main thread, or where it is ignored (as Ctrl-C is in
    a background job), nothing is changed.
    """
    came = False
    before = {kind: signal.getsignal(kind) for kind in held_kinds()}

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        signal.signal(number, before[signal.Signals(number)])

    with noted(note):
        yield lambda: came


@contextmanager
def delayed_interrupt() -> Iterator[Callable[[], None]]:
    """Do as `stop_asked`, but yield a function that raises KeyboardInterrupt if it came."""
    with stop_asked() as asked:

        def check() -> None:
            if asked():
                raise KeyboardInterrupt

        yield check


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold back Ctrl-C, however often it comes, until what is done is whole."""
    came: dict[int, None] = {}  # in their order
    try:
        with noted(lambda number, frame: came.update({number: None})):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)
