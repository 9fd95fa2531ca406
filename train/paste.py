"""Put a cut-out into a picture: the transform, the exact box, the blend."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train.cutouts import Cutout
from train.stages import Stage

Box = tuple[float, float, float, float]
SEEN_ALPHA = 100.0  # of 255: a pixel with less than this is not counted as the object's


@dataclass(frozen=True, eq=False)
class Layer:
    """A transformed cut-out.

    pixels: float32 [h, w, 4], premultiplied BGR and alpha, 0..255.
    tight_xyxy_px: x1 y1 x2 y2 of what can be seen, in pixels of the layer.
    """

    pixels: NDArray[np.float32]
    tight_xyxy_px: Box


def seen_box(alpha: NDArray[np.float32]) -> Box | None:
    """Return x1 y1 x2 y2 (x2, y2 exclusive) round the pixels that can be seen, or None."""
    seen = alpha >= SEEN_ALPHA
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def shape_matrix(rng: Random, stage: Stage) -> NDArray[np.float64]:
    """Draw the 2×2 transform of a cut-out's shape: squeeze, shear, mirror, then rotation."""
    squeeze = np.exp(rng.normal(0, stage.squeeze))
    stretch = np.diag([squeeze, 1 / squeeze])
    shear = np.array([[1, rng.normal(0, stage.shear)], [0, 1]])
    mirror = np.diag([-1 if rng.random() < stage.p_flip else 1, 1])
    angle = np.deg2rad(rng.normal(0, stage.rotation_deg))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape: NDArray[np.float64] = turn @ mirror @ shear @ stretch
    return shape


def transform_cutout(
    cutout: Cutout, shape: NDArray[np.float64], longer_side_px: float
) -> Layer | None:
    """Transform a cut-out so that the longer side of what can be seen is about `longer_side_px`.

    Returns None where so little is left that nothing can be seen.
    """
    height, width = cutout.levels[0].shape[:2]
    corners = np.array([[0, width, 0, width], [0, 0, height, height]], np.float64)
    extent = np.ptp(shape @ corners, axis=1)
    scale = longer_side_px / extent.max()
    index = min(len(cutout.levels) - 1, max(0, int(np.floor(-np.log2(scale)))))
    level = cutout.levels[index]
    matrix = shape * scale * np.array([width / level.shape[1], height / level.shape[0]])
    out_w, out_h = (int(np.ceil(side)) + 4 for side in extent * scale)
    # Pixel centres lie at half numbers: the level's centre goes to the layer's centre.
    centre = np.array([level.shape[1], level.shape[0]]) / 2 - 0.5
    offset = np.array([out_w, out_h]) / 2 - 0.5 - matrix @ centre
    affine = np.column_stack([matrix, offset])
    pixels = cv2.warpAffine(level, affine, (out_w, out_h), flags=cv2.INTER_LINEAR)
    tight = seen_box(pixels[..., 3].astype(np.float32, copy=False))
    return None if tight is None else Layer(pixels.astype(np.float32, copy=False), tight)


def blend(image: NDArray[np.uint8], layer: NDArray[np.float32], x: int, y: int) -> bool:
    """Paste a premultiplied layer over `image` in place, its corner at (x, y), cut at the edges.

    Returns whether any of it lies inside.
    """
    height, width = image.shape[:2]
    x1, y1 = max(0, x), max(0, y)
    x2, y2 = min(width, x + layer.shape[1]), min(height, y + layer.shape[0])
    if x1 >= x2 or y1 >= y2:
        return False
    part = layer[y1 - y : y2 - y, x1 - x : x2 - x]
    under = image[y1:y2, x1:x2]
    under[:] = (part[..., :3] + under * (1 - part[..., 3:] / 255) + 0.5).clip(0, 255)
    return True


def overlap_of_smaller(a: Box, b: Box) -> float:
    """Return the boxes' common area as a part of the smaller one's area."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
