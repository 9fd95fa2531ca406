"""The open loop: frames arrive at a rate of their own, and waiting counts.

A frame's latency begins when it was due, not when there was time for it. A loop that only measures
what it has time for leaves out the very frames that had to wait ("coordinated omission", Gil Tene,
https://github.com/HdrHistogram/HdrHistogram/blob/master/README.md).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from rtloc.bench.samples import Laps, Summary, summary
from rtloc.bench.way import Way

FIRST_PARTS = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1)  # of the closed loop's rate
CLOSER = 4  # times, by halves
GIVEN_UP_S = 1.0  # behind


@dataclass(frozen=True)
class OpenRun:
    """What came of frames that arrived at a rate.

    latencies_ms: of every frame that was taken, from when it was due to its end; behind: frames
    that were still waiting when the run was given up, being hopelessly late.
    """

    rate_fps: float
    latencies_ms: list[float]
    behind: int

    @property
    def latency(self) -> Summary:
        """The latencies summed up."""
        return summary(self.latencies_ms)

    def holds(self, bound_ms: float) -> bool:
        """Whether the rate was held, with 99 of 100 frames within a bound."""
        return not self.behind and self.latency.p99_ms <= bound_ms


def open_loop(way: Way, rate_fps: float, seconds: float) -> OpenRun:
    """Let frames arrive one by one at a rate; each waits until those before it are done.

    Up to the way's batch of those that wait are located together.
    """
    due = max(1, round(rate_fps * seconds))
    most = way.batch
    latencies_ms: list[float] = []
    way.laps = Laps()
    began_s = time.perf_counter()
    done = 0
    while done < due:
        wait_s = began_s + done / rate_fps - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        elif -wait_s > GIVEN_UP_S:
            break
        arrived = int((time.perf_counter() - began_s) * rate_fps) + 1
        way.batch = max(1, min(most, arrived - done, due - done))
        way.go()
        ended_s = time.perf_counter()
        for n in range(done, done + way.batch):
            latencies_ms.append(1e3 * (ended_s - began_s - n / rate_fps))
        done += way.batch
    way.batch = most
    return OpenRun(rate_fps, latencies_ms, due - done)


def sweep(way: Way, closed_fps: float, bound_ms: float, seconds: float) -> Iterator[OpenRun]:
    """Try rates round that of the closed loop, then closer and closer to the highest one held."""
    held, lost = 0.0, 0.0
    for part in FIRST_PARTS:
        run = open_loop(way, part * closed_fps, seconds)
        yield run
        if not run.holds(bound_ms):
            lost = run.rate_fps
            break
        held = run.rate_fps
    for _ in range(CLOSER if lost else 0):
        run = open_loop(way, (held + lost) / 2, seconds)
        yield run
        held, lost = (run.rate_fps, lost) if run.holds(bound_ms) else (held, run.rate_fps)


def highest_held(runs: list[OpenRun], bound_ms: float) -> float | None:
    """Return the highest rate that was held, no lower one having been lost; None: not one was.

    runs: by their rates.
    """
    held = list(takewhile(lambda run: run.holds(bound_ms), runs))
    return held[-1].rate_fps if held else None
