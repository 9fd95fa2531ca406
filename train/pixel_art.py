"""Enlarge pixel art: in its pixels, or as somebody would have drawn what it shows."""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from train.layers import alpha_of, colours_of, join, premultiplied, unpremultiplied

Image = NDArray[np.uint8]

LARGEST_SIDE_PX = 128  # of a picture that may be pixel art
ENLARGED_SIDE_PX = 256
MOST_COLOURS = 64  # of pixel art; a small photo has more
DOUBLINGS = 3
ROUNDED_OVER_PX = 5  # of a picture that was doubled so often: more loses details of a pixel
SHARPER = np.clip(3 * (np.arange(256) - 127.5) + 127.5, 0, 255).astype(np.uint8)


def blocks(image: Image) -> Image:
    """Enlarge pixel art, uint8 [H, W, 4] BGRA, so that its pixels become squares."""
    scale = max(1, ENLARGED_SIDE_PX // max(image.shape[:2]))
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def drawn(image: Image) -> Image:
    """Enlarge a small picture, uint8 [H, W, 4] BGRA, into a drawing with smooth edges.

    Pixel art gets the flat colours and clean outlines of a cartoon; what has too many colours for
    that is enlarged as photos are.
    """
    # room for what is round at the edge
    roomy = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT).astype(np.uint8, copy=False)
    art = premultiplied(roomy)
    is_art = len(np.unique(packed(art))) <= MOST_COLOURS
    return redrawn(art) if is_art else smoothed(art)


def redrawn(image: Image) -> Image:
    """Draw pixel art, a layer, anew as a picture: stairs become slants, and then round.

    The slants are those of Scale2x (https://www.scale2x.it/algorithm), the rounding is a median.
    """
    pixels = packed(image)
    for _ in range(DOUBLINGS):
        pixels = doubled(pixels)
    large = np.ascontiguousarray(pixels)[..., None].view(np.uint8)
    return unpremultiplied(scaled(cv2.medianBlur(large, ROUNDED_OVER_PX), cv2.INTER_AREA))


def packed(image: Image) -> NDArray[np.uint32]:
    """Return a number for the colour and alpha of each pixel of a picture, uint8 [H, W, 4]."""
    return np.ascontiguousarray(image).view(np.uint32)[..., 0]


def doubled(pixels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Double a picture, [H, W]: a corner between two neighbours of one colour takes that colour."""
    padded = np.pad(pixels, 1, mode="edge")
    up, down = padded[:-2, 1:-1], padded[2:, 1:-1]
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    large = pixels.repeat(2, axis=0).repeat(2, axis=1)
    on_an_edge = (up != down) & (left != right)
    for row, beside in enumerate((up, down)):
        for column, other in enumerate((left, right)):
            slanted = on_an_edge & (beside == other)
            large[row::2, column::2] = np.where(slanted, beside, pixels)
    return large


def smoothed(image: Image) -> Image:
    """Enlarge a layer into a picture whose edges become sharp again."""
    pixel = ENLARGED_SIDE_PX / max(image.shape[:2])
    blurred = cv2.GaussianBlur(scaled(image, cv2.INTER_CUBIC), (0, 0), 0.35 * pixel)
    soft = unpremultiplied(blurred.astype(np.uint8, copy=False))
    return join(colours_of(soft), cv2.LUT(alpha_of(soft), SHARPER))


def scaled(image: MatLike, interpolation: int) -> Image:
    """Scale a layer to the longer side of an enlarged one."""
    scale = ENLARGED_SIDE_PX / max(image.shape[:2])
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
    return large.astype(np.uint8, copy=False)
