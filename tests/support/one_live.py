"""A single live source, opened and asked for its newest frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from rtloc.capture import Source, open_capture
from rtloc.frame import Frame
from rtloc.live import LiveSource, newest_of


@contextmanager
def open_live(source: Source, *, comes_back: bool = True) -> Iterator[LiveSource]:
    """Open a camera or a stream; one that is lost later is opened again, if `comes_back`."""
    with closing(LiveSource(source, open_capture(source), comes_back=comes_back)) as live:
        yield live


def newest(live: LiveSource, timeout_s: float) -> Frame | None:
    """Return the newest frame, once each; None where none comes in time or the stream ended."""
    return newest_of([live], timeout_s)[0]
