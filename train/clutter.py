"""Draw things that are no objects: shapes that lie about, and what covers an object in part."""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import camera, layers, paste
from train.backgrounds import random_crop
from train.chance import one_of
from train.cutouts import Cutout
from train.paste import Box

Image = NDArray[np.uint8]


def random_shape(rng: Random, width: int, height: int) -> Image:
    """Draw the alpha of an ellipse or a polygon, uint8 [height, width]."""
    alpha = np.zeros((height, width), np.uint8)
    if rng.random() < 0.5:
        axes = (int(width * rng.uniform(0.2, 0.5)), int(height * rng.uniform(0.2, 0.5)))
        centre = (width // 2, height // 2)
        cv2.ellipse(alpha, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = rng.uniform(0, 1, (int(rng.integers(3, 8)), 2)) * (width, height)
        cv2.fillPoly(alpha, [cv2.convexHull(corners.astype(np.int32))], 255, cv2.LINE_AA)
    return alpha


def filled(rng: Random, alpha: Image, photos: Sequence[Image], cutouts: Sequence[Cutout]) -> Image:
    """Fill a shape with a colour of the objects, any colour, or a photo; premultiplied BGRA."""
    height, width = alpha.shape
    kind = rng.random()
    if kind < 0.4 and photos:
        fill = random_crop(rng, one_of(rng, photos), width, height)
    else:
        colour = object_colours(rng, cutouts, 1)[0] if kind < 0.75 else rng.uniform(0, 255, 3)
        fill = np.full((height, width, 3), colour, np.uint8)
    return layers.cut_from(fill, alpha)


def object_colours(rng: Random, cutouts: Sequence[Cutout], count: int) -> NDArray[np.float64]:
    """Pick the colours of `count` random points of one random object, BGR [count, 3]."""
    level = one_of(rng, cutouts).levels[-1]
    rows, columns = np.nonzero(level[..., 3] > 200)
    if not len(rows):
        return rng.uniform(0, 255, (count, 3))
    n = rng.integers(len(rows), size=count)
    return level[rows[n], columns[n], :3].astype(np.float64)


def in_petals(rng: Random, width: int, height: int) -> Image:
    """Draw the alpha of a flower, or of a cluster of leaves, uint8 [height, width]."""
    alpha = np.zeros((height, width), np.uint8)
    petals, turn = int(rng.integers(3, 9)), rng.uniform(0, 2 * np.pi)
    reach, fat = rng.uniform(0.2, 0.3), rng.uniform(0.4, 1.0)
    for n in range(petals):
        angle = turn + 2 * np.pi * n / petals
        x, y = 0.5 + reach * np.cos(angle), 0.5 + reach * np.sin(angle)
        axes = int(width * reach) + 1, int(height * reach * fat) + 1
        centre = int(width * x), int(height * y)
        cv2.ellipse(alpha, centre, axes, np.degrees(angle), 0, 360, 255, -1, cv2.LINE_AA)
    return alpha


def flower(rng: Random, colours: NDArray[np.float64], width: int, height: int) -> Image:
    """Draw petals of the first colour round a middle of the second; BGR [2, 3]; premultiplied."""
    alpha = in_petals(rng, width, height)
    fill = np.full((height, width, 3), colours[0], np.uint8)
    middle, part = (width // 2, height // 2), rng.uniform(0.06, 0.2)
    axes = int(part * width) + 1, int(part * height) + 1
    cv2.ellipse(fill, middle, axes, 0, 0, 360, colours[1].tolist(), -1, cv2.LINE_AA)
    cv2.ellipse(alpha, middle, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    return layers.cut_from(fill, alpha)


def patches(rng: Random, cutouts: Sequence[Cutout], width: int, height: int) -> Image:
    """Draw a shape in many colours of an object, in any order, with edges or without."""
    columns, rows = (int(n) for n in rng.integers(2, 5, 2))
    coarse = object_colours(rng, cutouts, rows * columns).reshape(rows, columns, 3)
    way = cv2.INTER_NEAREST if rng.random() < 0.5 else cv2.INTER_CUBIC
    fill = cv2.resize(coarse.astype(np.uint8), (width, height), interpolation=way)
    alpha = (in_petals if rng.random() < 0.5 else random_shape)(rng, width, height)
    return layers.cut_from(fill, alpha)


def sign(rng: Random, colours: NDArray[np.float64], width: int, height: int) -> Image:
    """Draw a plate or a lamp: a plain shape with a rim, in two parts, or with marks; BGR [3, 3]."""
    alpha = plain_shape(rng, width, height)
    fill = np.full((height, width, 3), colours[0], np.uint8)
    second, third = (colour.tolist() for colour in colours[1:])
    rim = max(1, int(rng.uniform(0.04, 0.16) * min(width, height)))
    if rng.random() < 0.3:
        cv2.rectangle(fill, (0, 0), (width, int(rng.uniform(0.25, 0.75) * height)), second, -1)
    if rng.random() < 0.6:
        grey = [float(rng.choice([20, 240]))] * 3
        for part in np.arange(0.25, 0.8, rng.uniform(0.15, 0.5)):  # as lines of writing
            ends = [(int(at * width), int(part * height)) for at in rng.uniform(0.1, 0.9, 2)]
            cv2.line(fill, ends[0], ends[1], grey if rng.random() < 0.7 else third, rim)
    if rng.random() < 0.4:
        edges, _ = cv2.findContours(alpha, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(fill, edges, -1, third, 2 * rim)
    return layers.cut_from(fill, alpha)


def plain_shape(rng: Random, width: int, height: int) -> Image:
    """Draw a rectangle, an ellipse or a triangle that fills its box, uint8 [height, width]."""
    alpha = np.zeros((height, width), np.uint8)
    drawn = rng.random()
    if drawn < 0.5:
        alpha[:] = 255
    elif drawn < 0.75:
        middle, axes = (width // 2, height // 2), (width // 2, height // 2)
        cv2.ellipse(alpha, middle, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = np.array([(0, height - 1), (width - 1, height - 1), (width // 2, 0)])
        cv2.fillPoly(alpha, [corners], 255, cv2.LINE_AA)
    return alpha


def paste_lookalikes(rng: Random, canvas: Image, cutouts: Sequence[Cutout]) -> None:
    """Paste things in the colours of an object, of no shape that it has: flowers, signs, patches.

    Flowers in the blue and yellow of an object were taken for it, most of all where the picture's
    edge cut them off, or where they were out of focus; so were plates and lamps in a street.
    """
    height, width = canvas.shape[:2]
    drawn, least, most = rng.random(), 0.1, 0.6
    make: Callable[[int, int], Image]
    if drawn < 0.3:
        make = partial(flower, rng, object_colours(rng, cutouts, 2))
    elif drawn < 0.8:
        make = partial(sign, rng, object_colours(rng, cutouts, 3))
        least, most = 0.04, 0.35
    else:
        make = partial(patches, rng, cutouts)
    is_soft = rng.random() < 0.5
    side = min(height, width) * np.exp(rng.uniform(np.log(least), np.log(most)))
    for _ in range(int(rng.integers(1, 4))):
        w, h = (max(8, int(side * part)) for part in np.exp(rng.uniform(-0.3, 0.3, 2)))
        layer = make(w, h)
        if is_soft:
            layer = camera.blur(layer, rng, reach_px=0.06 * max(w, h))
        paste.blend(canvas, layer, begin_along(rng, w, width), begin_along(rng, h, height))


def begin_along(rng: Random, side: int, room: int) -> int:
    """Draw where a thing of `side` pixels begins along an axis, often across one of its ends."""
    drawn, over = rng.random(), int(rng.uniform(0.1, 0.6) * side)
    if drawn < 0.15:
        return -over
    if drawn < 0.3:
        return room - side + over
    return int(rng.integers(-side // 2, room - side // 2))


def paste_decoys(
    rng: Random, canvas: Image, photos: Sequence[Image], cutouts: Sequence[Cutout]
) -> None:
    """Paste one to three shapes anywhere, before the objects."""
    height, width = canvas.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        sides = np.exp(rng.uniform(np.log(0.06), np.log(0.6), 2)) * min(height, width)
        w, h = (max(4, int(side)) for side in sides)
        shape = filled(rng, random_shape(rng, w, h), photos, cutouts)
        x = int(rng.integers(-w // 2, width - w // 2))
        y = int(rng.integers(-h // 2, height - h // 2))
        paste.blend(canvas, shape, x, y)


def occluder(
    rng: Random, box: Box, photos: Sequence[Image], cutouts: Sequence[Cutout]
) -> tuple[Image, int, int]:
    """Draw what covers up to two fifths of a box from one of its sides, and say where it lies.

    Returns a premultiplied layer, and x and y of its corner.
    """
    x1, y1, x2, y2 = box
    part = rng.uniform(0.12, 0.4)
    side = int(rng.integers(4))
    wide, high = x2 - x1, y2 - y1
    if side % 2:  # from the left or the right
        w, h = max(4, int(2 * part * wide)), max(4, int(rng.uniform(0.6, 1.6) * high))
        centre = (x1 if side == 1 else x2, rng.uniform(y1, y2))
    else:
        w, h = max(4, int(rng.uniform(0.6, 1.6) * wide)), max(4, int(2 * part * high))
        centre = (rng.uniform(x1, x2), y1 if side == 0 else y2)
    shape = filled(rng, random_shape(rng, w, h), photos, cutouts)
    return shape, int(centre[0] - w / 2), int(centre[1] - h / 2)
