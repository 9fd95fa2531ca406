"""Put a cut-out into a picture: the transform, the exact box, the blend."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train.cutouts import Cutout
from train.stages import Stage

Box = tuple[float, float, float, float]
Image = NDArray[np.uint8]
NEXT_LEVEL = 1.4  # a finer level than needed is sharper, but shrinking it by more than this aliases


@dataclass(frozen=True, eq=False)
class Layer:
    """A transformed cut-out.

    pixels: uint8 [h, w, 4], premultiplied BGR and alpha.
    box_px: x1 y1 x2 y2 of what can be seen, in pixels of the layer, exact to parts of a pixel.
    """

    pixels: Image
    box_px: Box


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


def tilt(rng: Random, matrix: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Tilt a 3×3 transform of the unit square out of the picture's plane: its corners move."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    flat = project(matrix, square)
    reach = strength * np.ptp(flat, axis=0).max()
    moved = flat + rng.uniform(-reach, reach, (4, 2))
    tilted = cv2.getPerspectiveTransform(square.astype(np.float32), moved.astype(np.float32))
    return np.asarray(tilted, np.float64)


def project(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a 3×3 transform to points [N, 2]."""
    ends = points @ matrix[:, :2].T + matrix[:, 2]
    projected: NDArray[np.float64] = ends[:, :2] / ends[:, 2:]
    return projected


def transform_cutout(
    cutout: Cutout,
    shape: NDArray[np.float64],
    longer_side_px: float,
    rng: Random | None = None,
    perspective: float = 0.0,
) -> Layer:
    """Transform a cut-out so that the longer side of what can be seen is `longer_side_px`.

    With a perspective it is tilted as well, by chance.
    """
    height, width = cutout.levels[0].shape[:2]
    matrix = np.eye(3)
    matrix[:2, :2] = shape * (width, height)  # from the unit square, so that any level fits
    if perspective and rng is not None:
        matrix = tilt(rng, matrix, perspective)
    hull = project(matrix, cutout.outline_px / (width, height))
    scale = longer_side_px / np.ptp(hull, axis=0).max()
    corners = project(matrix, np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)) * scale
    origin = np.floor(corners.min(axis=0)) - 1
    out_w, out_h = (int(side) + 2 for side in np.ceil(np.ptp(corners, axis=0)))
    place = np.array([[scale, 0, -origin[0]], [0, scale, -origin[1]], [0, 0, 1]]) @ matrix
    level = cutout.levels[level_for(cutout, scale * abs(np.linalg.det(shape)) ** 0.5)]
    level_h, level_w = level.shape[:2]
    # OpenCV's whole numbers are pixel centres; ours are pixel corners
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    unit = np.diag([1 / level_w, 1 / level_h, 1])
    warp = np.linalg.inv(half) @ place @ unit @ half
    pixels = cv2.warpPerspective(level, warp, (out_w, out_h), flags=cv2.INTER_LINEAR)
    x1, y1 = hull.min(axis=0) * scale - origin
    x2, y2 = hull.max(axis=0) * scale - origin
    return Layer(pixels.astype(np.uint8, copy=False), (float(x1), float(y1), float(x2), float(y2)))


def level_for(cutout: Cutout, scale: float) -> int:
    """Return which level of the pyramid to draw from, for a scale of the first one."""
    finest = int(np.floor(-np.log2(max(scale, 1e-6) * NEXT_LEVEL) + 1))
    return min(len(cutout.levels) - 1, max(0, finest))


def visible_parts(image: Image, layer: Image, x: int, y: int) -> tuple[Image, Image] | None:
    """Return the parts of a picture and of a layer at (x, y) in it that meet, or None."""
    height, width = image.shape[:2]
    x1, y1 = max(0, x), max(0, y)
    x2, y2 = min(width, x + layer.shape[1]), min(height, y + layer.shape[0])
    if x1 >= x2 or y1 >= y2:
        return None
    return image[y1:y2, x1:x2], layer[y1 - y : y2 - y, x1 - x : x2 - x]


def blend(image: Image, layer: Image, x: int, y: int) -> bool:
    """Paste a premultiplied layer over `image` in place, its corner at (x, y), cut at the edges.

    Returns whether any of it lies inside.
    """
    parts = visible_parts(image, layer, x, y)
    if parts is None:
        return False
    under, over = parts
    through = 255 - over[..., 3]
    shown = cv2.multiply(under, cv2.merge([through, through, through]), scale=1 / 255)
    under[:] = cv2.add(shown, over[..., :3])
    return True


def blend_poisson(image: Image, layer: Image, x: int, y: int) -> bool:
    """Paste a layer so that its gradients are kept and its edge meets the background's colours.

    Pérez, Gangnet, Blake, 2003: https://doi.org/10.1145/882262.882269. The layer must lie inside
    the picture with a pixel to spare; returns False, and changes nothing, where it does not.
    """
    height, width = image.shape[:2]
    h, w = layer.shape[:2]
    if x < 1 or y < 1 or x + w >= width or y + h >= height:
        return False
    region = image[y - 1 : y + h + 1, x - 1 : x + w + 1]
    pasted = region.copy()
    blend(pasted, layer, 1, 1)
    mask = np.zeros(region.shape[:2], np.uint8)
    mask[1:-1, 1:-1] = np.where(layer[..., 3] > 0, 255, 0)
    mask[[0, 1, -2, -1]] = 0
    mask[:, [0, 1, -2, -1]] = 0
    xs, ys, mask_w, mask_h = cv2.boundingRect(mask)
    if min(mask_w, mask_h) < 8:
        return False
    centre = (xs + mask_w // 2, ys + mask_h // 2)
    region[:] = cv2.seamlessClone(pasted, region, mask, centre, cv2.NORMAL_CLONE)
    return True


def overlap_of_smaller(a: Box, b: Box) -> float:
    """Return the boxes' common area as a part of the smaller one's area."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))


def overlaps_little(box: Box, others: Sequence[Box], most: float) -> bool:
    """Say whether a box covers no more than `most` of the smaller of itself and each other one."""
    return all(overlap_of_smaller(box, other) <= most for other in others)
