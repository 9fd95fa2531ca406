"""Enlarge pixel art: in its pixels, or as somebody would have drawn what it shows."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

LARGEST_SIDE_PX = 128  # of a picture that may be pixel art
ENLARGED_SIDE_PX = 256
MOST_COLOURS = 64  # of pixel art; a small photo has more
DOUBLINGS = 3
ROUNDED_OVER_PX = 9  # of a picture that was doubled so often: little more than a pixel of its art


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
    is_art = len(np.unique(packed(roomy))) <= MOST_COLOURS
    return redrawn(roomy) if is_art else smoothed(roomy)


def redrawn(image: Image) -> Image:
    """Draw pixel art, uint8 [H, W, 4] BGRA, anew: stairs become slants, and then round.

    The slants are those of Scale2x (https://www.scale2x.it/algorithm), the rounding is a median.
    """
    pixels = packed(image)
    for _ in range(DOUBLINGS):
        pixels = doubled(pixels)
    large = np.ascontiguousarray(pixels)[..., None].view(np.uint8)
    return scaled(cv2.medianBlur(large, ROUNDED_OVER_PX).astype(np.float32), cv2.INTER_AREA)


def packed(image: Image) -> NDArray[np.uint32]:
    """Return a number for the colour and alpha of each pixel, [H, W]; 0 where nothing is seen."""
    seen = np.where(image[..., 3:] == 0, 0, image)
    return np.ascontiguousarray(seen).view(np.uint32)[..., 0]


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
    """Enlarge a picture, uint8 [H, W, 4] BGRA, whose edges become sharp again."""
    pixel = ENLARGED_SIDE_PX / max(image.shape[:2])
    large = scaled(image.astype(np.float32), cv2.INTER_CUBIC, blur=0.35 * pixel)
    sharp = np.clip((large[..., 3:].astype(np.float32) - 127.5) * 3 + 127.5, 0, 255)
    return np.concatenate([large[..., :3], sharp.astype(np.uint8)], axis=2)


def scaled(image: NDArray[np.float32], interpolation: int, blur: float = 0.0) -> Image:
    """Scale a picture, [H, W, 4] BGRA, to the longer side of an enlarged one, and blur it.

    blur: standard deviation in pixels of the enlarged one.
    """
    alpha = image[..., 3:] / 255
    premultiplied = np.concatenate([image[..., :3] * alpha, image[..., 3:]], axis=2)
    scale = ENLARGED_SIDE_PX / max(image.shape[:2])
    large = cv2.resize(premultiplied, None, fx=scale, fy=scale, interpolation=interpolation)
    if blur:
        large = cv2.GaussianBlur(large, (0, 0), blur)
    opacity = np.clip(large[..., 3:], 0, 255)
    colours = np.clip(large[..., :3] * 255 / np.maximum(opacity, 1e-3), 0, 255)
    return np.concatenate([colours, opacity], axis=2).astype(np.uint8)
