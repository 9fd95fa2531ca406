"""End a run by SIGTERM, as services are stopped, or SIGHUP, as SSH leaves it, as by Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

KINDS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]  # not on Windows


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt while the block runs.

    One that is ignored, as `nohup` has it, stays ignored.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with ExitStack() as stack:
        for kind in KINDS:
            if signal.getsignal(kind) != signal.SIG_IGN:
                stack.callback(signal.signal, kind, signal.signal(kind, interrupt))
        yield
