"""Draw boxes and labels on a frame, be it BGR or I420.

All that is drawn is made of upright rectangles: bars of one colour, and captions on plates. They
are written straight into the pixels, so a frame of planes is never turned into BGR and back.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.detections import Detections
from rtloc.frame import planes_of, size_wh

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# BGR, by class id; apart from each other for colour-blind eyes as well (Okabe and Ito, 2008:
# https://jfly.uni-koeln.de/color/)
COLOURS: tuple[Colour, ...] = (
    (115, 158, 0),
    (0, 94, 213),
    (178, 114, 0),
    (0, 159, 230),
    (167, 121, 204),
    (233, 180, 86),
    (66, 228, 240),
)
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
MIDDLE_GREY = 140
KEPT_PLATES = 512
PARTS = 1, 2, 2  # pixels, each way, that a value of Y, U and V covers


def draw(pixels: Pixels, detections: Detections, labels: Sequence[str]) -> None:
    """Draw each detection's box, label, number and score into a frame's pixels, in place.

    pixels: uint8 [H, W, 3] BGR or [H·3/2, W] I420. Line width and text grow with the picture.
    """
    # a colour of I420 covers 2×2 pixels; boxes that keep to them are sharper, cost an encoder less
    # and do not tremble by a pixel
    step = 2 if pixels.ndim == 2 else 1
    unit = max(size_wh(pixels)) / 1280
    line = max(1, round(3 * unit))
    # worst first, so that the best lie on top
    for n in reversed(range(len(detections))):
        class_id = int(detections.class_ids[n])
        colour = COLOURS[class_id % len(COLOURS)]
        x1, y1, x2, y2 = (step * round(float(v) / step) for v in detections.boxes[n])
        draw_box(pixels, (x1, y1, x2, y2), line + 2, BLACK)
        draw_box(pixels, (x1, y1, x2, y2), line, colour)
        number = "" if detections.track_ids is None else f" #{detections.track_ids[n]}"
        caption = f"{labels[class_id]}{number} {detections.scores[n]:.2f}"
        draw_caption(pixels, caption, (x1, y1), colour, max(0.4, 0.7 * unit))


def draw_box(pixels: Pixels, box: tuple[int, int, int, int], line: int, colour: Colour) -> None:
    """Draw a box's outline, `line` pixels wide, half of them on each side of the edge."""
    x1, y1, x2, y2 = box
    out = line // 2
    inside = line - out
    left, top, right, bottom = x1 - out, y1 - out, x2 + inside, y2 + inside
    paint = paints(pixels, colour)
    for y in (top, bottom - line):
        fill(paint, (left, y, right, y + line))
    for x in (left, right - line):
        fill(paint, (x, top, x + line, bottom))


def draw_caption(
    pixels: Pixels, text: str, corner_xy: tuple[int, int], colour: Colour, scale: float
) -> None:
    """Write `text` on a filled plate that stands on the corner, or hangs below it at the top."""
    width, height = size_wh(pixels)
    plate = caption_plate(text, colour, scale)
    x = min(max(0, corner_xy[0]), max(0, width - plate.shape[1]))
    y = corner_xy[1] - plate.shape[0] if corner_xy[1] >= plate.shape[0] else max(0, corner_xy[1])
    put(pixels, plate, x, min(y, height))


@lru_cache(KEPT_PLATES)
def caption_plate(text: str, colour: Colour, scale: float) -> Pixels:
    """Write a text on a plate of its own, uint8 [h, w, 3] BGR with even sides."""
    weight = max(1, round(2 * scale))
    (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
    pad = max(2, round(5 * scale))
    plate_w, plate_h = (side + 2 * pad for side in (width, height + below))
    plate = np.full((plate_h + plate_h % 2, plate_w + plate_w % 2, 3), colour, np.uint8)
    blue, green, red = colour
    is_light = 0.114 * blue + 0.587 * green + 0.299 * red > MIDDLE_GREY
    ink = BLACK if is_light else WHITE
    cv2.putText(plate, text, (pad, pad + height), FONT, scale, ink, weight, cv2.LINE_AA)
    return plate


def paints(pixels: Pixels, colour: Colour) -> list[tuple[Pixels, int, int | Colour]]:
    """Return what a colour is in each plane: the plane, how many pixels one of it covers, value.

    A BGR picture counts as one plane.
    """
    if pixels.ndim == 3:
        return [(pixels, 1, colour)]
    return list(zip(planes_of(pixels), PARTS, yuv_of(colour), strict=True))


def fill(paint: list[tuple[Pixels, int, int | Colour]], area: tuple[int, int, int, int]) -> None:
    """Fill x1 y1 x2 y2 (x2, y2 exclusive) of a frame, as far as it lies in it; as of `paints`."""
    x1, y1, x2, y2 = (max(0, v) for v in area)
    for plane, part, value in paint:
        up = part - 1
        plane[y1 // part : (y2 + up) // part, x1 // part : (x2 + up) // part] = value


def put(pixels: Pixels, patch: Pixels, x: int, y: int) -> None:
    """Put a BGR patch with even sides into a frame, its corner at (x, y) ≥ 0, cut at the edges."""
    if pixels.ndim == 2:
        x, y = x & ~1, y & ~1  # a chroma pixel covers 2×2
    width, height = size_wh(pixels)
    patch = patch[: max(0, height - y), : max(0, width - x)]
    if not patch.size:
        return
    if pixels.ndim == 3:
        pixels[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        return
    planes = cv2.cvtColor(patch, cv2.COLOR_BGR2YUV_I420).astype(np.uint8, copy=False)
    h, w = patch.shape[:2]
    for target, source, part in zip(planes_of(pixels), planes_of(planes), PARTS, strict=True):
        target[y // part : (y + h) // part, x // part : (x + w) // part] = source


@lru_cache(KEPT_PLATES)
def yuv_of(colour: Colour) -> tuple[int, int, int]:
    """Return a BGR colour as Y, U and V, as OpenCV turns pictures into I420."""
    dot = np.full((2, 2, 3), colour, np.uint8)
    planes = planes_of(cv2.cvtColor(dot, cv2.COLOR_BGR2YUV_I420).astype(np.uint8, copy=False))
    luma, u, v = (int(plane[0, 0]) for plane in planes)
    return luma, u, v
