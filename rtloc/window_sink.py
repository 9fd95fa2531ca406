"""The sink that shows frames in a window, with the panel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtloc.controls import Controls
from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats
from rtloc.panel import draw_banner, draw_panel
from rtloc.window import Window


class WindowSink:
    """Shows frames; what is drawn for the viewer alone goes on a copy."""

    def __init__(self, window: Window, controls: Controls, *, panel: bool = True) -> None:
        self._window = window
        self._controls = controls
        self._panel = panel
        self._last: NDArray[np.uint8] | None = None

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Show a frame."""
        self._last = frame.image.copy()
        draw_panel(self._last, stats if self._panel else None, self._controls)
        self._window.show(self._last)

    def say(self, text: str) -> None:
        """Show the last frame with a message across it."""
        image = np.zeros((360, 640, 3), np.uint8) if self._last is None else self._last.copy()
        draw_banner(image, text)
        self._window.show(image)

    def close(self) -> None:
        """Leave the window to whom it belongs."""
