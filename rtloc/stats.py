"""Count what a run finds and how long locating takes."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rtloc.detections import Detections

Picture = TypeVar("Picture")
Answer = TypeVar("Answer")
KEPT_LATENCIES = 100_000  # of a longer run, the last ones: memory must not grow with its length


@dataclass
class RunStats:
    """The figures of a run so far.

    labels: by class id; batch: pictures that are located together; frames: delivered; located: of
    those, given to the model.
    """

    labels: Sequence[str]
    batch: int = 1
    frames: int = 0
    located: int = 0
    found: Counter[int] = field(default_factory=Counter)
    _latencies_ms: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(KEPT_LATENCIES, np.float32)
    )
    _started_s: float = field(default_factory=time.perf_counter)

    def timed(self, locate: Callable[[Picture], Detections], picture: Picture) -> Detections:
        """Locate in one picture, and count its time and what was found."""
        detections, latency_ms = timed(locate, picture)
        self.count(detections, latency_ms)
        return detections

    def count(self, detections: Detections, latency_ms: float) -> None:
        """Count a picture that was located, and how long that took."""
        self._latencies_ms[self.located % KEPT_LATENCIES] = latency_ms
        self.located += 1
        self.frames += 1
        self.found.update(detections.class_ids.tolist())

    def skip(self) -> None:
        """Count a frame that was not given to the model."""
        self.frames += 1

    def fps(self) -> float:
        """Frames per second of wall-clock time, since the run began."""
        return self.frames / max(1e-9, time.perf_counter() - self._started_s)

    def latency_ms(self, percentile: float) -> float:
        """Return a percentile of the time that locating a picture took (50 is the median)."""
        measured = self._latencies_ms[: min(self.located, KEPT_LATENCIES)]
        return float(np.percentile(measured, percentile)) if len(measured) else float("nan")

    def closing_line(self, unit: str) -> str:
        """Say it all in one line; `unit` is what is counted, such as a frame."""
        counted = f"{self.frames} {unit}{'' if self.frames == 1 else 's'}"
        if not self.frames:
            return counted
        parts = [counted, f"{self.fps():.1f} FPS end to end"]
        if self.located:
            what = "locating" if self.batch == 1 else f"locating {self.batch} at once"
            parts.append(
                f"{what} {self.latency_ms(50):.2f} ms median, {self.latency_ms(99):.2f} ms p99"
            )
        found = [f"{self.labels[i]} {n}" for i, n in sorted(self.found.items())]
        parts.append("found " + (", ".join(found) or "nothing"))
        return " · ".join(parts)


def timed(locate: Callable[[Picture], Answer], picture: Picture) -> tuple[Answer, float]:
    """Locate in a picture, or in several; return also how many milliseconds that took."""
    start = time.perf_counter()
    answer = locate(picture)
    return answer, 1e3 * (time.perf_counter() - start)
