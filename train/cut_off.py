"""Find the box of what is left of an object: cut off by the picture's edge, or faded at its own."""

import cv2
import numpy as np

from train import layers, paste
from train.cutouts import SEEN_ALPHA
from train.paste import Box, Image, Layer
from train.spots import LEAST_SEEN_PX


def seen_box(layer: Layer, x: int, y: int, canvas: Image) -> Box | None:
    """Return x1 y1 x2 y2 of what a canvas, [H, W, …], shows of a layer at (x, y), in its pixels.

    Of an object that is cut off, that is less than the part of its box inside the canvas: a tail
    that lies outside makes what is left no higher. None: too little can be seen.
    """
    height, width = canvas.shape[:2]
    x1, y1, x2, y2 = layer.box_px
    whole = (x + x1, y + y1, x + x2, y + y2)
    if whole[0] >= 0 and whole[1] >= 0 and whole[2] <= width and whole[3] <= height:
        return whole
    seen = mask_of(layer.pixels)
    parts = paste.visible_parts(canvas, seen, x, y)
    if parts is None:
        return None
    pixels = np.add(bounds(parts[1]), (max(0, x), max(0, y)) * 2)
    # each side moves as far as that of the pixels does, and so stays exact to parts of a pixel
    moved = np.add(layer.box_px, pixels) - bounds(seen)
    edges, limits = (0, 0, width, height), (width, height) * 2
    at_edge = np.equal(pixels, edges)
    beyond = np.not_equal(whole, np.clip(whole, 0, limits))
    found = np.where(at_edge & beyond, edges, np.clip(moved, 0, limits)).tolist()
    box = (found[0], found[1], found[2], found[3])
    return None if min(paste.sides_of(box)) < LEAST_SEEN_PX else box


def faded_box(
    box: Box, before: Image, after: Image, corner_xy: tuple[int, int], canvas: Image
) -> Box:
    """Return an object's box when its edge has faded: its sides move as those of its pixels did.

    before, after: uint8 [h, w, 4], premultiplied BGR and alpha, its pixels, with their corner there
    on the canvas, [H, W, …]. Where nothing is left to be seen the box stays.
    """
    if after is before:
        return box
    sides = []
    for pixels in (before, after):
        parts = paste.visible_parts(canvas, mask_of(pixels), *corner_xy)
        if parts is None or not parts[1].any():
            return box
        sides.append(bounds(parts[1]))
    moved = np.add(box, np.subtract(sides[1], sides[0])).tolist()
    return moved[0], moved[1], moved[2], moved[3]


def mask_of(pixels: Image) -> Image:
    """Return where a layer, uint8 [h, w, 4], can be seen: 1 there, else 0, uint8 [h, w]."""
    return (layers.alpha_of(pixels) >= SEEN_ALPHA).astype(np.uint8)


def bounds(mask: Image) -> tuple[int, int, int, int]:
    """Return x1 y1 x2 y2 round the pixels of a mask that are not 0; all 0: there are none."""
    x, y, width, height = cv2.boundingRect(mask)
    return x, y, x + width, y + height
