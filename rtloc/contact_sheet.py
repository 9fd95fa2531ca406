"""Lay labelled pictures out on a contact sheet, each object with its box and label."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.overlay import BLACK, COLOURS, draw_box, draw_caption

Labelled = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]

COLUMNS = 6
TILE_PX = 288
PAD = 6
GREY = (40, 40, 40)
TEXT_SCALE = 0.4


def sheet_wh(tiles: int) -> tuple[int, int]:
    """Return the width and height in pixels of a sheet of so many pictures."""
    columns, rows = min(COLUMNS, tiles), -(-tiles // COLUMNS)
    return columns * (TILE_PX + PAD) + PAD, rows * (TILE_PX + PAD) + PAD


def draw_contact_sheet(pictures: Sequence[Labelled], labels: Sequence[str]) -> NDArray[np.uint8]:
    """Draw a sheet, uint8 [H, W, 3] BGR, of the size that `sheet_wh` says.

    pictures: one or more of uint8 [H, W, 3] BGR, boxes float32 [N, 4] x1 y1 x2 y2 in its pixels,
    and class ids int64 [N].
    """
    width, height = sheet_wh(len(pictures))
    sheet = np.full((height, width, 3), GREY, np.uint8)
    for n, (image, boxes, class_ids) in enumerate(pictures):
        scale = TILE_PX / max(image.shape[:2])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        wh = max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0]))
        shown = cv2.resize(image, wh, interpolation=way).astype(np.uint8, copy=False)
        draw_objects(shown, boxes * scale, class_ids, labels)
        x = PAD + n % COLUMNS * (TILE_PX + PAD) + (TILE_PX - wh[0]) // 2
        y = PAD + n // COLUMNS * (TILE_PX + PAD) + (TILE_PX - wh[1]) // 2
        sheet[y : y + wh[1], x : x + wh[0]] = shown
    return sheet


def draw_objects(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    class_ids: NDArray[np.int64],
    labels: Sequence[str],
) -> None:
    """Draw boxes with their labels into a picture, in place."""
    for box, class_id in zip(boxes.tolist(), class_ids.tolist(), strict=True):
        colour = COLOURS[class_id % len(COLOURS)]
        x1, y1, x2, y2 = (round(side) for side in box)
        draw_box(image, (x1, y1, x2, y2), 3, BLACK)
        draw_box(image, (x1, y1, x2, y2), 1, colour)
        draw_caption(image, labels[class_id], (x1, y1), colour, TEXT_SCALE)
