"""Find the box of what is left of an object that the edge of the picture cuts off."""

import cv2
import numpy as np
from numpy.typing import NDArray

from train import layers, paste
from train.cutouts import SEEN_ALPHA
from train.paste import Box, Layer
from train.spots import LEAST_SEEN_PX


def seen_box(layer: Layer, x: int, y: int, canvas_wh: tuple[int, int]) -> Box | None:
    """Return x1 y1 x2 y2 of what can be seen of a layer at (x, y), in pixels of the canvas.

    Of an object that is cut off, that is less than the part of its box inside the canvas: a tail
    that lies outside makes what is left no higher. None: too little can be seen.
    """
    width, height = canvas_wh
    x1, y1, x2, y2 = layer.box_px
    whole = (x + x1, y + y1, x + x2, y + y2)
    if whole[0] >= 0 and whole[1] >= 0 and whole[2] <= width and whole[3] <= height:
        return whole
    seen = (layers.alpha_of(layer.pixels) >= SEEN_ALPHA).astype(np.uint8)
    inside = np.zeros_like(seen)
    rows, columns = slice(max(0, -y), max(0, height - y)), slice(max(0, -x), max(0, width - x))
    inside[rows, columns] = seen[rows, columns]
    left, top, right, bottom = bounds(inside)
    # each side moves as far as that of the pixels does, and so stays exact to parts of a pixel
    moved = np.add(whole, np.subtract((left, top, right, bottom), bounds(seen)))
    edges, limits = (0, 0, width, height), (width, height) * 2
    at_edge = np.equal((x + left, y + top, x + right, y + bottom), edges)
    beyond = np.not_equal(whole, np.clip(whole, 0, limits))
    found = np.where(at_edge & beyond, edges, np.clip(moved, 0, limits)).tolist()
    box = (found[0], found[1], found[2], found[3])
    return None if min(paste.sides_of(box)) < LEAST_SEEN_PX else box


def bounds(mask: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return x1 y1 x2 y2 round the pixels of a mask that are not 0; all 0: there are none."""
    x, y, width, height = cv2.boundingRect(mask)
    return x, y, x + width, y + height
