"""The figures of a live run: how fast, how late, and what was lost."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from rtloc.detections import Detections
from rtloc.stats import RunStats

# what a frame goes through: waiting to be taken, locating, drawing; and from coming to being shown
STAGES = ("wait", "locate", "draw", "total")
KEPT_FRAMES = 300  # that latencies are of
SPEED_OVER_S = 2.0


@dataclass
class LiveStats:
    """The figures of one source so far.

    run: those of the whole run; camera_fps: frames a second that came in the last two seconds;
    trouble: why none come now, or None.
    """

    labels: Sequence[str]
    run: RunStats = field(init=False)
    camera_fps: float = 0.0
    trouble: str | None = None
    dropped: int = 0
    losses: int = 0
    _shown_s: deque[float] = field(default_factory=deque)
    _received: deque[tuple[float, int]] = field(default_factory=deque)
    _stages_ms: dict[str, deque[float]] = field(
        default_factory=lambda: {name: deque(maxlen=KEPT_FRAMES) for name in STAGES}
    )

    def __post_init__(self) -> None:
        """Begin to count."""
        self.run = RunStats(self.labels)

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Time a stage of one frame."""
        started = time.perf_counter()
        yield
        self.took(stage, time.perf_counter() - started)

    def took(self, stage: str, seconds: float) -> None:
        """Count how long a stage of one frame took."""
        self._stages_ms[stage].append(1e3 * seconds)

    def located(self, detections: Detections) -> None:
        """Count a frame that was located; its time was taken by `timing` before."""
        self.run.count(detections, self._stages_ms["locate"][-1])

    def shown(self, late_s: float) -> None:
        """Count a frame that was delivered, so long after it came."""
        self.took("total", late_s)
        now = time.perf_counter()
        self._shown_s.append(now)
        while now - self._shown_s[0] > SPEED_OVER_S:
            self._shown_s.popleft()

    def came(self, received: int, dropped: int, losses: int) -> None:
        """Note how many frames have come from the source, and what was lost."""
        self.dropped, self.losses = dropped, losses
        now = time.perf_counter()
        self._received.append((now, received))
        while now - self._received[0][0] > SPEED_OVER_S:
            self._received.popleft()
        first_s, first = self._received[0]
        if now > first_s:
            self.camera_fps = (received - first) / (now - first_s)

    def gather(self, parts: Sequence[LiveStats]) -> None:
        """Take the figures of several sources together: their sums, and all of their times."""
        self.camera_fps = sum(part.camera_fps for part in parts)
        self.dropped = sum(part.dropped for part in parts)
        self.losses = sum(part.losses for part in parts)
        self.run.frames = sum(part.run.frames for part in parts)
        self.trouble = "; ".join(part.trouble for part in parts if part.trouble) or None
        since_s = time.perf_counter() - SPEED_OVER_S
        self._shown_s = deque(sorted(s for part in parts for s in part._shown_s if s > since_s))
        for name in STAGES:
            times_ms = [ms for part in parts for ms in part._stages_ms[name]]
            self._stages_ms[name] = deque(times_ms)

    def fps(self) -> float:
        """Frames a second that were delivered in the last two seconds; 0 where none was."""
        shown_s = list(self._shown_s)
        if len(shown_s) < 2 or time.perf_counter() - shown_s[-1] > SPEED_OVER_S:
            return 0.0
        return (len(shown_s) - 1) / (shown_s[-1] - shown_s[0])

    def mean_fps(self) -> float:
        """Delivered frames over the wall-clock time since the run began."""
        return self.run.fps()

    def latency_ms(self, stage: str, percentile: float) -> float:
        """Return a percentile of a stage's time over the last frames (50 is the median)."""
        kept = self._stages_ms[stage]
        return float(np.percentile(kept, percentile)) if kept else float("nan")

    def figures(self) -> dict[str, float]:
        """Return all figures by name, in milliseconds, frames a second or counts."""
        late = {
            f"{stage}_p{percentile}_ms": self.latency_ms(stage, percentile)
            for stage in STAGES
            for percentile in (50, 99)
        }
        return {
            "fps": self.fps(),
            "mean_fps": self.mean_fps(),
            "camera_fps": self.camera_fps,
            "frames": self.run.frames,
            "dropped": self.dropped,
            "losses": self.losses,
            **late,
        }

    def closing_line(self) -> str:
        """Say it all in one line."""
        line = f"{self.run.closing_line('frame')} · {self.dropped} older frames dropped"
        if self.run.frames:
            line += f" · {self.latency_ms('total', 50):.0f} ms from coming to being shown, median"
        return f"{line} · lost {self.losses} times" if self.losses else line
