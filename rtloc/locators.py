"""Threads that locate, of which no more work than there is work for."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.localizer import Localizer
from rtloc.stats import timed

KEEPS_UP = 2  # groups that a thread may have before the next one gets some

Found = tuple[list[Detections], float]  # of each frame of a group; how many ms they took together


class Locators:
    """Locates in groups of frames, in threads of its own.

    The first thread gets all work as long as it keeps up: two that locate beside decoding hinder
    each other. Where the engine is slower than decoding, the others work as well.
    """

    def __init__(self, localizer: Localizer, threads: int) -> None:
        self._localizer = localizer
        self._threads = [ThreadPoolExecutor(1) for _ in range(threads)]
        self._begun: list[list[Future[Found]]] = [[] for _ in range(threads)]

    def locate(self, frames: Sequence[Frame]) -> Future[Found]:
        """Have frames located together."""
        self._begun = [[one for one in begun if not one.done()] for begun in self._begun]
        waiting = [len(begun) for begun in self._begun]
        keep_up = (n for n, groups in enumerate(waiting) if groups < KEEPS_UP)
        chosen = next(keep_up, waiting.index(min(waiting)))
        future = self._threads[chosen].submit(timed, self._localizer.locate_frames, frames)
        self._begun[chosen].append(future)
        return future

    def close(self) -> None:
        """Wait for what was begun, and end the threads."""
        for thread in self._threads:
            thread.shutdown()
