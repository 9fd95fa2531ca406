"""Draw boxes and labels on a frame."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.detections import Detections

# BGR, by class id; apart from each other for colour-blind eyes as well (Okabe and Ito, 2008:
# https://jfly.uni-koeln.de/color/)
COLOURS = (
    (115, 158, 0),
    (0, 94, 213),
    (178, 114, 0),
    (0, 159, 230),
    (167, 121, 204),
    (233, 180, 86),
    (66, 228, 240),
)
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
MIDDLE_GREY = 140
PLATE_GREY = (60, 60, 60)


def draw(image: NDArray[np.uint8], detections: Detections, labels: Sequence[str]) -> None:
    """Draw each detection's box, label and score into `image`, uint8 [H, W, 3] BGR, in place.

    Line width and text grow with the picture.
    """
    unit = max(image.shape[:2]) / 1280
    line = max(1, round(3 * unit))
    # worst first, so that the best lie on top
    for n in reversed(range(len(detections))):
        class_id = int(detections.class_ids[n])
        colour = COLOURS[class_id % len(COLOURS)]
        x1, y1, x2, y2 = (round(float(v)) for v in detections.boxes[n])
        cv2.rectangle(image, (x1, y1), (x2, y2), BLACK, line + 2, cv2.LINE_AA)
        cv2.rectangle(image, (x1, y1), (x2, y2), colour, line, cv2.LINE_AA)
        caption = f"{labels[class_id]} {detections.scores[n]:.2f}"
        draw_caption(image, caption, (x1, y1), colour, max(0.4, 0.7 * unit))


def draw_caption(
    image: NDArray[np.uint8],
    text: str,
    corner_xy: tuple[int, int],
    colour: tuple[int, int, int],
    scale: float,
) -> None:
    """Write `text` on a filled plate that stands on the corner, or hangs below it at the top."""
    weight = max(1, round(2 * scale))
    (width, height), below = cv2.getTextSize(text, FONT, scale, weight)
    pad = max(2, round(5 * scale))
    plate_h = height + below + 2 * pad
    x = min(max(0, corner_xy[0]), max(0, image.shape[1] - width - 2 * pad))
    y = corner_xy[1] - plate_h if corner_xy[1] >= plate_h else max(0, corner_xy[1])
    cv2.rectangle(image, (x, y), (x + width + 2 * pad, y + plate_h), colour, cv2.FILLED)
    blue, green, red = colour
    is_light = 0.114 * blue + 0.587 * green + 0.299 * red > MIDDLE_GREY
    at = (x + pad, y + pad + height)
    cv2.putText(image, text, at, FONT, scale, BLACK if is_light else WHITE, weight, cv2.LINE_AA)


def draw_speed(image: NDArray[np.uint8], text: str) -> None:
    """Write the speed at the top left of a frame."""
    scale = max(0.4, 0.7 * max(image.shape[:2]) / 1280)
    draw_caption(image, text, (0, 0), PLATE_GREY, scale)
