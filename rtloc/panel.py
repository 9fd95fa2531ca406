"""The heads-up panel, the help and the banner: lines of text on dark plates over a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.controls import HELP, Controls
from rtloc.live_stats import LiveStats
from rtloc.overlay import FONT, WHITE

Image = NDArray[np.uint8]
Where = Literal["top", "middle", "bottom"]
REFERENCE_PX = 1280  # the longer side of a picture on which text has its usual size
DARKENED = 0.35  # of the picture's light that is left behind text
RED = (70, 70, 230)


def draw_panel(image: Image, stats: LiveStats | None, controls: Controls) -> None:
    """Draw the figures at the top left, and the help at the bottom left, as the controls ask.

    image: uint8 [H, W, 3] BGR, drawn into; stats: None where the figures are shown elsewhere.
    """
    if controls.panel and stats is not None:
        draw_lines(image, panel_lines(stats, controls), "top")
    if controls.help:
        draw_lines(image, [*HELP, *class_lines(controls)], "bottom")
    if controls.recording:
        radius = max(4, max(image.shape[:2]) // 120)
        centre = (image.shape[1] - 3 * radius, 3 * radius)
        cv2.circle(image, centre, radius, RED, -1, cv2.LINE_AA)


def draw_banner(image: Image, text: str) -> None:
    """Write a message across the middle of a picture."""
    draw_lines(image, [text], "middle")


def panel_lines(stats: LiveStats, controls: Controls) -> list[str]:
    """Return the panel's lines."""
    ms = stats.latency_ms
    total = f"{ms('total', 50):.0f} ms late, p99 {ms('total', 99):.0f}"
    stages = "  ".join(f"{name} {ms(name, 50):.1f}" for name in ("wait", "locate", "draw"))
    lost = f", lost {stats.losses} times" if stats.losses else ""
    lines = [
        f"{stats.fps():.1f} FPS, mean {stats.mean_fps():.1f}, camera {stats.camera_fps:.1f}",
        f"{total}: {stages}",
        f"{controls.localizer.engine}, {stats.dropped} dropped{lost}",
        f"threshold {controls.threshold:.2f}",
    ]
    hidden = [controls.labels[n] for n in sorted(controls.hidden)]
    return lines + [f"without {', '.join(hidden)}"] * bool(hidden)


def class_lines(controls: Controls) -> list[str]:
    """Return a line for each class that a key shows or hides."""
    return [
        f"{n + 1}  {label}{' (hidden)' if n in controls.hidden else ''}"
        for n, label in enumerate(controls.labels[:9])
    ]


def draw_lines(image: Image, lines: Sequence[str], where: Where) -> None:
    """Write lines of text on a darkened plate at the left.

    The text grows with the picture, and shrinks where it would not fit on it.
    """
    height, width = image.shape[:2]
    scale = max(0.35, 0.6 * max(width, height) / REFERENCE_PX)
    wide, high = extent(lines, scale)
    scale *= min(1.0, width / wide, height / high)
    wide, high = (min(a, b) for a, b in zip(extent(lines, scale), (width, height), strict=True))
    top = {"top": 0, "middle": (height - high) // 2, "bottom": height - high}[where]
    plate = image[top : top + high, :wide]
    np.copyto(plate, cv2.convertScaleAbs(plate, alpha=DARKENED).astype(np.uint8, copy=False))
    weight = max(1, round(1.6 * scale))
    step = line_step(scale)
    for n, line in enumerate(lines):
        at = (pad_of(scale), top + pad_of(scale) + round((n + 0.75) * step))
        cv2.putText(image, line, at, FONT, scale, WHITE, weight, cv2.LINE_AA)


def extent(lines: Sequence[str], scale: float) -> tuple[int, int]:
    """Return width and height of lines of text with their margins, in pixels."""
    weight = max(1, round(1.6 * scale))
    widths = [cv2.getTextSize(line, FONT, scale, weight)[0][0] for line in lines]
    pad = 2 * pad_of(scale)
    return max(widths, default=0) + pad, round(len(lines) * line_step(scale)) + pad


def line_step(scale: float) -> float:
    """Return how far lines lie apart, in pixels."""
    return 36 * scale


def pad_of(scale: float) -> int:
    """Return the margin round text, in pixels."""
    return max(3, round(12 * scale))
