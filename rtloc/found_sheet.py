"""A sheet of pictures with the true boxes and the found ones: eval's worst, stages' first."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.overlay import BLACK, FONT, WHITE, draw_caption

TRUE_COLOUR = (233, 180, 86)  # sky blue, BGR
FOUND_COLOUR = (0, 94, 213)  # vermilion, apart from it for colour-blind eyes as well
COLUMNS = 3
PICTURE_WH = (480, 288)
TEXT_LINES = 3
LINE_PX = 20
PAD = 8
HEAD_PX = 36
GREY = (40, 40, 40)
TEXT_SCALE = 0.45


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a sheet.

    image: uint8 [H, W, 3] BGR; true_boxes, found_boxes: float32 [N, 4], x1 y1 x2 y2 in its pixels;
    found_texts: one per found box; lines: written below it.
    """

    image: NDArray[np.uint8]
    true_boxes: NDArray[np.float32]
    found_boxes: NDArray[np.float32]
    found_texts: Sequence[str]
    lines: Sequence[str]


def sheet_wh(tiles: int) -> tuple[int, int]:
    """Return the width and height in pixels of a sheet of so many tiles."""
    rows = max(1, -(-tiles // COLUMNS))
    width = COLUMNS * (PICTURE_WH[0] + PAD) + PAD
    return width, HEAD_PX + rows * (PICTURE_WH[1] + TEXT_LINES * LINE_PX + 2 * PAD)


def draw_sheet(tiles: Sequence[Tile], title: str) -> NDArray[np.uint8]:
    """Draw a sheet, uint8 [H, W, 3] BGR, of the size that `sheet_wh` says."""
    width, height = sheet_wh(len(tiles))
    sheet = np.full((height, width, 3), GREY, np.uint8)
    draw_head(sheet, title)
    for n, tile in enumerate(tiles):
        column, row = n % COLUMNS, n // COLUMNS
        x = PAD + column * (PICTURE_WH[0] + PAD)
        y = HEAD_PX + row * (PICTURE_WH[1] + TEXT_LINES * LINE_PX + 2 * PAD)
        draw_tile(sheet, tile, x, y)
    return sheet


def draw_head(sheet: NDArray[np.uint8], title: str) -> None:
    """Write what the colours mean, then the title."""
    x = PAD
    for text, colour in (("true", TRUE_COLOUR), ("found", FOUND_COLOUR)):
        draw_caption(sheet, text, (x, PAD), colour, TEXT_SCALE)
        x += 16 + cv2.getTextSize(text, FONT, TEXT_SCALE, 1)[0][0]
    write(sheet, title, x + PAD, PAD + 15, sheet.shape[1] - x - 2 * PAD)


def draw_tile(sheet: NDArray[np.uint8], tile: Tile, x: int, y: int) -> None:
    """Draw a picture as large as there is room, with its boxes, and the lines below it."""
    height, width = tile.image.shape[:2]
    scale = min(PICTURE_WH[0] / width, PICTURE_WH[1] / height)
    shown_wh = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = cv2.resize(tile.image, shown_wh, interpolation=way).astype(np.uint8, copy=False)
    for box in tile.true_boxes * scale:
        draw_box(shown, box, TRUE_COLOUR)
    for box, text in zip(tile.found_boxes * scale, tile.found_texts, strict=True):
        draw_box(shown, box, FOUND_COLOUR)
        draw_caption(shown, text, (round(float(box[0])), round(float(box[1]))), FOUND_COLOUR, 0.4)
    left = x + (PICTURE_WH[0] - shown_wh[0]) // 2
    sheet[y : y + shown_wh[1], left : left + shown_wh[0]] = shown
    for n, line in enumerate(tile.lines[:TEXT_LINES]):
        write(sheet, line, x, y + PICTURE_WH[1] + PAD + 10 + n * LINE_PX, PICTURE_WH[0])


def draw_box(
    image: NDArray[np.uint8], box: NDArray[np.float32], colour: tuple[int, int, int]
) -> None:
    """Draw a box with a dark edge, so that it shows on every ground."""
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    for line, tint in ((4, BLACK), (2, colour)):
        cv2.rectangle(image, (x1, y1), (x2, y2), tint, line, cv2.LINE_AA)


def write(sheet: NDArray[np.uint8], text: str, x: int, y: int, width: int) -> None:
    """Write a line of text that starts at (x, y), cut where it is wider than `width` pixels."""
    while text and cv2.getTextSize(text, FONT, TEXT_SCALE, 1)[0][0] > width:
        text = text[:-1]
    cv2.putText(sheet, text, (x, y), FONT, TEXT_SCALE, WHITE, 1, cv2.LINE_AA)
