"""Samples of a time: kept raw, stage by stage, and summed up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

LOCATE = ("fit", "engine", "unfit")  # the stages of locating
END_TO_END = "end to end"


@dataclass(frozen=True)
class Summary:
    """What is said of samples, in milliseconds; none of them is left out.

    A percentile is a sample that occurred: the least one that no more than the rest exceed.
    jitter_ms: the mean difference between a sample and the next one, whichever is greater.
    """

    count: int
    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    mean_ms: float
    jitter_ms: float


def summary(samples_ms: Sequence[float]) -> Summary:
    """Sum samples up; there is at least one."""
    values = np.asarray(samples_ms, np.float64)
    p50, p90, p99 = np.percentile(values, (50, 90, 99), method="inverted_cdf").tolist()
    steps = np.abs(np.diff(values))
    return Summary(
        count=len(values),
        min_ms=float(values.min()),
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        max_ms=float(values.max()),
        mean_ms=float(values.mean()),
        jitter_ms=float(steps.mean()) if len(steps) else 0.0,
    )


@dataclass
class Laps:
    """A stopwatch for the stages that a frame passes, one after the other.

    samples_ms: by stage, in the order in which the stages came first; the last one is the whole.
    """

    samples_ms: dict[str, list[float]] = field(default_factory=dict)
    _began_s: float = 0.0
    _lap_s: float = 0.0

    def begin(self) -> None:
        """Start with a frame."""
        self._began_s = self._lap_s = time.perf_counter()

    def __call__(self, stage: str) -> None:
        """Note that a stage has ended."""
        now_s = time.perf_counter()
        self._keep(stage, now_s - self._lap_s)
        self._lap_s = now_s

    def end(self) -> float:
        """Note that the frame is done; return how long it took in all, in seconds."""
        took_s = time.perf_counter() - self._began_s
        self._keep(END_TO_END, took_s)
        return took_s

    def _keep(self, stage: str, seconds: float) -> None:
        self.samples_ms.setdefault(stage, []).append(1e3 * seconds)


def with_locate(samples_ms: dict[str, list[float]]) -> dict[str, list[float]]:
    """Add what locating took in all, frame by frame, before the last row."""
    parts = [samples_ms[stage] for stage in LOCATE]
    rows = {stage: values for stage, values in samples_ms.items() if stage != END_TO_END}
    rows["locate"] = np.sum(parts, axis=0).tolist()
    rows[END_TO_END] = samples_ms[END_TO_END]
    return rows
