"""Put a cut-out into a picture: the transform, the exact box, the blend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import layers
from train.bend import Bend, bend_map, bent
from train.cutouts import OPAQUE, Cutout
from train.stages import Stage

Box = tuple[float, float, float, float]
Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]
MOST_SHIFTED = 0.6  # of an object's own contrast: shifted by more than that, nobody would know it
NEXT_LEVEL = 1.4  # a finer level than needed is sharper, but shrinking it by more than this aliases
MOST_TILTED = 0.2  # of an object's thickness, that a corner moves: by 0.25 it could fold over
UNIT_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)


@dataclass(frozen=True, eq=False)
class Pose:
    """How a cut-out will lie in its layer, found before any of it is drawn.

    level: uint8 [H, W, 4], that of the cut-out to draw from; from_level, to_layer: float64 [3, 3],
    its pixels to parts of its sides, and those to pixels of the layer; bend: between the two, or
    None; layer_wh: the layer's width and height; box_px: as in `Layer`.
    """

    level: Image
    from_level: Matrix
    to_layer: Matrix
    bend: Bend | None
    layer_wh: tuple[int, int]
    box_px: Box


@dataclass(frozen=True, eq=False)
class Layer:
    """A transformed cut-out.

    pixels: uint8 [h, w, 4], premultiplied BGR and alpha.
    box_px: x1 y1 x2 y2 of what can be seen, in pixels of the layer, exact to parts of a pixel.
    """

    pixels: Image
    box_px: Box


def shape_matrix(rng: Random, stage: Stage) -> Matrix:
    """Draw the 2×2 transform of a cut-out's shape: squeeze, shear, mirror, then rotation."""
    drawn = rng.standard_normal(3).tolist()
    squeeze = math.exp(stage.squeeze * drawn[0])
    shear = stage.shear * drawn[1] / squeeze
    angle = math.radians(stage.rotation_deg) * drawn[2]
    cos, sin = math.cos(angle), math.sin(angle)
    if rng.random() < stage.p_flip:
        squeeze, shear = -squeeze, -shear
    # [[cos, -sin], [sin, cos]] @ [[squeeze, shear], [0, 1 / |squeeze|]]
    high = 1 / abs(squeeze)
    return np.array(
        [[cos * squeeze, cos * shear - sin * high], [sin * squeeze, sin * shear + cos * high]]
    )


def tilt(rng: Random, matrix: Matrix, strength: float) -> Matrix:
    """Tilt a 3×3 transform of the unit square out of the picture's plane: its corners move.

    A thin thing's move less, or it would fold over.
    """
    flat = project(matrix, UNIT_SQUARE)
    (a, b), (c, d) = matrix[:2, :2].tolist()
    thickness = abs(a * d - b * c) / max(math.hypot(a, c), math.hypot(b, d))
    reach = min(strength * max(sides_of(extent(flat))), MOST_TILTED * thickness)
    moved = flat + reach * (2 * rng.random((4, 2)) - 1)
    tilted = cv2.getPerspectiveTransform(UNIT_SQUARE.astype(np.float32), moved.astype(np.float32))
    return np.asarray(tilted, np.float64)


def project(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a 3×3 transform to points [N, 2]."""
    return np.asarray(cv2.perspectiveTransform(points[None], matrix)[0], np.float64)


def extent(points: NDArray[np.float64]) -> Box:
    """Return the bounding box of points [N, 2]."""
    # several times as fast as NumPy on rows of two
    (x1, y1), (x2, y2) = (
        cv2.reduce(points, 0, way)[0].tolist() for way in (cv2.REDUCE_MIN, cv2.REDUCE_MAX)
    )
    return x1, y1, x2, y2


def sides_of(box: Box) -> tuple[float, float]:
    """Return the width and the height of a box."""
    return box[2] - box[0], box[3] - box[1]


def transform_cutout(
    cutout: Cutout,
    shape: Matrix,
    longer_side_px: float,
    rng: Random | None = None,
    perspective: float = 0.0,
) -> Layer:
    """Transform a cut-out so that the longer side of what can be seen is `longer_side_px`.

    With a perspective it is tilted as well, by chance.
    """
    return draw_pose(pose_of(cutout, shape, longer_side_px, rng, perspective))


def pose_of(
    cutout: Cutout,
    shape: Matrix,
    longer_side_px: float,
    rng: Random | None = None,
    perspective: float = 0.0,
    *,
    bend: Bend | None = None,
) -> Pose:
    """Find out how large a transformed cut-out gets and where its box is; see `transform_cutout`.

    The layer holds all that is not wholly transparent, and little more. A bend comes first.
    """
    height, width = cutout.levels[0].shape[:2]
    # from the unit square, so that any level fits
    matrix = np.array(
        [
            [shape[0, 0] * width, shape[0, 1] * height, 0],
            [shape[1, 0] * width, shape[1, 1] * height, 0],
            [0, 0, 1],
        ]
    )
    if perspective and rng is not None:
        matrix = tilt(rng, matrix, perspective)
    outline, reach = cutout.outline, cutout.reach
    if bend is not None:
        outline = bent(cutout.ends, bend)
        reach = np.concatenate([bent(cutout.reach, bend), outline])
    seen = extent(project(matrix, outline))
    scale = longer_side_px / max(sides_of(seen))
    area = abs(shape[0, 0] * shape[1, 1] - shape[0, 1] * shape[1, 0])
    number = level_for(cutout, scale * area**0.5)
    level = cutout.levels[number]
    # half transparent pixels reach beyond the outline, as far as a pixel of the level is wide
    room = 1 + 1.5 * scale * 2**number
    x1, y1, x2, y2 = (side * scale for side in extent(project(matrix, reach)))
    left, top = math.floor(x1 - room), math.floor(y1 - room)
    layer_wh = math.ceil(x2 + room) - left, math.ceil(y2 + room) - top
    level_h, level_w = level.shape[:2]
    # OpenCV's whole numbers are pixel centres; ours are pixel corners
    from_level = np.array(
        [[1 / level_w, 0, 0.5 / level_w], [0, 1 / level_h, 0.5 / level_h], [0, 0, 1]]
    )
    place = np.array([[scale, 0, -left - 0.5], [0, scale, -top - 0.5], [0, 0, 1]])
    x1, y1, x2, y2 = (side * scale for side in seen)
    box = (x1 - left, y1 - top, x2 - left, y2 - top)
    return Pose(level, from_level, place @ matrix, bend, layer_wh, box)


def draw_pose(pose: Pose) -> Layer:
    """Draw a cut-out as it will lie."""
    if pose.bend is None:
        warp = pose.to_layer @ pose.from_level
        pixels = cv2.warpPerspective(pose.level, warp, pose.layer_wh, flags=cv2.INTER_LINEAR)
    else:
        places = bend_map(pose.bend, pose.to_layer, pose.from_level, pose.layer_wh)
        pixels = cv2.remap(pose.level, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    return Layer(pixels.astype(np.uint8, copy=False), pose.box_px)


def level_for(cutout: Cutout, scale: float) -> int:
    """Return which level of the pyramid to draw from, for a scale of the first one."""
    finest = math.floor(1 - math.log2(max(scale, 1e-6) * NEXT_LEVEL))
    return min(len(cutout.levels) - 1, max(0, finest))


def visible_parts(image: Image, layer: Image, x: int, y: int) -> tuple[Image, Image] | None:
    """Return the parts of a picture and of a layer at (x, y) in it that meet, or None."""
    height, width = image.shape[:2]
    x1, y1 = max(0, x), max(0, y)
    x2, y2 = min(width, x + layer.shape[1]), min(height, y + layer.shape[0])
    if x1 >= x2 or y1 >= y2:
        return None
    return image[y1:y2, x1:x2], layer[y1 - y : y2 - y, x1 - x : x2 - x]


def blend(image: Image, layer: Image, x: int, y: int) -> None:
    """Paste a premultiplied layer over `image` in place, its corner at (x, y), cut at the edges."""
    parts = visible_parts(image, layer, x, y)
    if parts is None:
        return
    under, over = parts
    colours, alpha = layers.split(over)
    through = layers.in_bgr(cv2.bitwise_not(alpha))
    cv2.add(cv2.multiply(under, through, scale=1 / 255), colours, dst=under)


def darken(image: Image, alpha: Image, x: int, y: int) -> None:
    """Paste black of that alpha, uint8 [h, w], as `blend` does."""
    parts = visible_parts(image, alpha, x, y)
    if parts is not None:
        under, over = parts
        cv2.multiply(under, layers.in_bgr(cv2.bitwise_not(over)), dst=under, scale=1 / 255)


def blend_poisson(image: Image, layer: Image, x: int, y: int) -> bool:
    """Paste a layer so that its gradients are kept and its edge meets the background's colours.

    Pérez, Gangnet, Blake, 2003: https://doi.org/10.1145/882262.882269. The layer must lie inside
    the picture with a pixel to spare, and little enough must come of what lies round it: on an edge
    between two colours an object would take over both. Returns False, and changes nothing, where
    it is not so.
    """
    height, width = image.shape[:2]
    h, w = layer.shape[:2]
    if x < 1 or y < 1 or x + w >= width or y + h >= height:
        return False
    region = image[y - 1 : y + h + 1, x - 1 : x + w + 1]
    pasted = region.copy()
    blend(pasted, layer, 1, 1)
    mask = np.zeros(region.shape[:2], np.uint8)
    mask[1:-1, 1:-1] = np.where(layers.alpha_of(layer) > 0, 255, 0)
    mask[[0, 1, -2, -1]] = 0
    mask[:, [0, 1, -2, -1]] = 0
    xs, ys, mask_w, mask_h = cv2.boundingRect(mask)
    if min(mask_w, mask_h) < 8:
        return False
    centre = (xs + mask_w // 2, ys + mask_h // 2)
    blended = cv2.seamlessClone(pasted, region, mask, centre, cv2.NORMAL_CLONE)
    shift = cv2.subtract(blended, pasted, dtype=cv2.CV_16S)[1:-1, 1:-1]
    opaque = cv2.inRange(layers.alpha_of(layer), OPAQUE, 255)
    if contrast(shift, opaque) > MOST_SHIFTED * contrast(pasted[1:-1, 1:-1], opaque):
        return False
    region[:] = blended
    return True


def contrast(pixels: MatLike, mask: MatLike) -> float:
    """Return the standard deviation of pixels [H, W, 3] where the mask is not 0, in grey levels."""
    return float(cv2.norm(cv2.meanStdDev(pixels, mask=mask)[1]))


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
