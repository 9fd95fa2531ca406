"""The sink that says on the terminal how it goes, where there is no window."""

from __future__ import annotations

import time
from collections import Counter

from rich.console import Console
from rich.live import Live
from rich.text import Text

from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats

EVERY_S = 0.25


class TerminalSink:
    """Keeps one line up to date on a terminal; elsewhere it says nothing."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._shows = console.is_terminal
        self._next_s = 0.0
        if self._shows:
            self._live.start()

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Bring the line up to date, a few times a second."""
        now = time.perf_counter()
        if not self._shows or now < self._next_s:
            return
        self._next_s = now + EVERY_S
        found = Counter(stats.labels[n] for n in detections.class_ids.tolist())
        what = ", ".join(f"{n} {label}" for label, n in found.items()) or "nothing"
        self.say(
            f"{stats.fps():.1f} FPS · {stats.latency_ms('total', 50):.0f} ms late · "
            f"{stats.dropped} dropped · {what}"
        )

    def say(self, text: str) -> None:
        """Put a text into the line."""
        if self._shows:
            self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def close(self) -> None:
        """Take the line away."""
        self._live.stop()
