"""The closed loop: frames as fast as they go, the backends in turn."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import cv2
import numpy as np

from rtloc.bench.samples import END_TO_END, Laps, with_locate
from rtloc.bench.warm_up import WarmUp, warm_up
from rtloc.bench.way import Way

DEVICE_SAMPLES = 200


@dataclass
class Measured:
    """What was measured of one backend.

    samples_ms: by stage, raw, each of `batch` frames; rounds_ms: by stage, the median of each
    round; device_ms: by part, what a GPU itself was busy with, and the host with asking for it;
    cpu_s: of the whole process, on all cores; calibration_ms: what a fixed piece of work took, by
    round, which tells a slow machine from slow code.
    """

    backend: str
    engine: str
    reason: str
    batch: int
    warm_up: WarmUp
    samples_ms: dict[str, list[float]] = field(default_factory=dict)
    rounds_ms: dict[str, list[float]] = field(default_factory=dict)
    device_ms: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_s: float = 0.0
    calibration_ms: list[float] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """How many frames were measured."""
        return self.batch * len(self.samples_ms[END_TO_END])

    @property
    def throughput_fps(self) -> float:
        """Frames a second of wall-clock time."""
        return self.frames / self.seconds


def measure(
    ways: Sequence[Way], rounds: int, seconds: float, frames: int | None = None
) -> list[Measured]:
    """Warm up and measure: in each round every way once, forwards and backwards by turns.

    seconds: of a way, in all rounds together; or frames: as many, in whole batches; where these are
    fewer than the rounds, there are as many rounds.
    """
    measured = [
        Measured(w.localizer.backend, w.localizer.engine, w.localizer.backend_reason, w.batch, warm)
        for w, warm in [(way, warm_up(way)) for way in ways]
    ]
    pairs = list(zip(ways, measured, strict=True))
    if frames is not None:
        rounds = min(rounds, *(math.ceil(frames / way.batch) for way in ways))
    for n in range(rounds):
        for way, result in pairs[:: -1 if n % 2 else 1]:
            share = None if frames is None else share_of(way, frames, n, rounds)
            one_round(way, result, seconds / rounds, share)
    for way, result in pairs:
        result.samples_ms = with_locate(result.samples_ms)
        result.device_ms = device_times(way)
    return measured


def share_of(way: Way, frames: int, n: int, rounds: int) -> int:
    """Return how many of all frames a way takes in the n-th round: whole batches."""
    batches = math.ceil(frames / way.batch)
    return way.batch * ((n + 1) * batches // rounds - n * batches // rounds)


def one_round(way: Way, result: Measured, seconds: float, frames: int | None) -> None:
    """Measure one way for a round, and add it to its result."""
    result.calibration_ms.append(calibration_ms())
    way.laps = Laps()
    before_s = time.process_time()
    result.seconds += way.go_on(seconds, frames)
    result.cpu_s += time.process_time() - before_s
    for stage, values in way.laps.samples_ms.items():
        result.samples_ms.setdefault(stage, []).extend(values)
    for stage, values in with_locate(way.laps.samples_ms).items():
        result.rounds_ms.setdefault(stage, []).append(median(values))


def device_times(way: Way) -> dict[str, list[float]]:
    """Take the device's own times of many runs, step by step; nothing for a CPU."""
    times: dict[str, list[float]] = {}
    for _ in range(DEVICE_SAMPLES):
        parts = way.localizer.device_times_ms([next(way.frames) for _ in range(way.batch)])
        if not parts:
            break
        for part, value in parts.items():
            times.setdefault(part, []).append(value)
    return times


def calibration_ms() -> float:
    """Time a fixed piece of work on one core: a blur that has nothing to do with rtloc."""
    picture = np.arange(360 * 640, dtype=np.uint32).astype(np.uint8).reshape(360, 640)
    times = []
    for _ in range(5):
        began_s = time.perf_counter()
        cv2.GaussianBlur(picture, (31, 31), 5)
        times.append(1e3 * (time.perf_counter() - began_s))
    return median(times)
