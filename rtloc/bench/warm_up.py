"""Warm up until the times are steady, and say how that was found."""

from dataclasses import dataclass
from statistics import median

from rtloc.bench.samples import END_TO_END, Laps
from rtloc.bench.way import Way

WINDOW_S = 0.25
WINDOW_SAMPLES = 5  # at least, however slow
ALIKE = 3  # windows
WITHIN = 0.05
LONGEST_S = 10.0


@dataclass(frozen=True)
class WarmUp:
    """How the warm-up went."""

    seconds: float
    samples: int
    is_steady: bool

    def text(self) -> str:
        """Say it in a line."""
        how = f"the medians of {ALIKE} windows of {WINDOW_S:g} s lay within {WITHIN:.0%}"
        if self.is_steady:
            return f"warm-up {self.seconds:.1f} s, {self.samples} samples, until {how}"
        return f"warm-up {self.seconds:.1f} s, {self.samples} samples; never steady: {how} not once"


def warm_up(way: Way) -> WarmUp:
    """Go as fast as possible until times are steady, or for so long that they will never be."""
    medians: list[float] = []
    seconds, samples = 0.0, 0
    while seconds < LONGEST_S:
        way.laps = Laps()
        seconds += way.go_on(WINDOW_S)
        seconds += way.go_on(0, WINDOW_SAMPLES * way.batch)
        times = way.laps.samples_ms[END_TO_END]
        samples += len(times)
        medians.append(median(times))
        last = medians[-ALIKE:]
        if len(last) == ALIKE and max(last) <= (1 + WITHIN) * min(last):
            return WarmUp(seconds, samples, is_steady=True)
    return WarmUp(seconds, samples, is_steady=False)
