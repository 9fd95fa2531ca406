"""Draw an object in other proportions and poses: a large head, a bowed back, limbs that moved.

Styles differ in proportions and poses more than in colours, and a handful of cut-outs shows but a
few. Proportions come first: a place's height depends on the height alone, and along each row places
keep their order. Then waves move rows sideways, and columns up and down. No place is folded over
another, so those at the outline stay there, and a box stays exact.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Array = NDArray[np.float64]
Points = Array  # [N, 2], x and y as parts of an upright cut-out's width and height
MOST_HEAD = 0.45
STEEPNESS = 0.03  # of a wave: its reach times its cycles
CELLS = 16  # along each side, in which a bend is taken as straight
NEWTON_STEPS = 4


@dataclass(frozen=True)
class Wave:
    """How far places move along one side, by where they are along the other: a sine.

    reach: of the side; cycles: along the other side; phase: in cycles.
    """

    reach: float
    cycles: float
    phase: float

    def at(self, places: Array) -> Array:
        """Return how far places [N] of the other side move."""
        return self.reach * np.sin(2 * np.pi * (self.cycles * places + self.phase))


STILL = Wave(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Bend:
    """How proportions and the pose change; all 0: not at all.

    head: by which part the top is higher and the bottom lower, −1 to 1; wide: the same of widths;
    bow: how far the middle moves sideways, of the width; sway, nod: then limbs move, sideways by
    how high they are, and after that up and down by how far to the side.
    """

    head: float
    wide: float
    bow: float
    sway: Wave = STILL
    nod: Wave = STILL


def random_bend(rng: Random) -> Bend:
    """Draw a bend; what is higher is mostly wider as well."""
    head, wide, bow = rng.standard_normal(3).tolist()
    head = float(np.clip(0.22 * head, -MOST_HEAD, MOST_HEAD))
    wide = float(np.clip(0.7 * head + 0.1 * wide, -MOST_HEAD, MOST_HEAD))
    return Bend(head, wide, 0.06 * bow, random_wave(rng), random_wave(rng))


def random_wave(rng: Random) -> Wave:
    """Draw a wave that is the less steep the shorter it is."""
    cycles = float(rng.uniform(0.4, 1.6))
    reach = STEEPNESS / cycles * float(np.clip(rng.standard_normal(), -2, 2))
    return Wave(reach, cycles, float(rng.random()))


def bent(points: Points, bend: Bend) -> Points:
    """Say where places of a cut-out come to lie."""
    x, y = points.T
    sin, cos = np.sin(np.pi * y), np.cos(np.pi * y)
    across = 0.5 + (x - 0.5) * (1 + bend.wide * cos) + bend.bow * sin
    down = y + bend.head / np.pi * sin
    across += bend.sway.at(down)
    return np.column_stack([across, down + bend.nod.at(across)])


def straightened(points: Points, bend: Bend) -> Points:
    """Say where places of a bent cut-out came from: what `bent` does, undone."""
    across, down = points.T
    down = down - bend.nod.at(across)
    across = across - bend.sway.at(down)
    y = down.copy()
    for _ in range(NEWTON_STEPS):
        too_far = y + bend.head * np.sin(np.pi * y) / np.pi - down
        y -= too_far / (1 + bend.head * np.cos(np.pi * y))
    x = 0.5 + (across - 0.5 - bend.bow * np.sin(np.pi * y)) / (1 + bend.wide * np.cos(np.pi * y))
    return np.column_stack([x, y])


def bend_map(
    bend: Bend, to_layer: Array, from_level: Array, layer_wh: tuple[int, int]
) -> NDArray[np.float32]:
    """Return for each pixel of a layer the one of the drawing that it shows, float32 [h, w, 2].

    to_layer, from_level: float64 [3, 3], parts of the bent cut-out's sides to pixels of the layer,
    and pixels of the drawing to parts of the straight one's.
    """
    sides = [math.ceil(side / CELLS) for side in layer_wh]  # of a cell, in whole pixels
    # OpenCV's whole numbers are pixel centres: the first knots lie at or before the first pixels
    across, down = (
        side * (np.arange(math.ceil(pixels / side) + 1) + 0.5) - 0.5 - side // 2
        for side, pixels in zip(sides, layer_wh, strict=True)
    )
    knots = np.stack(np.meshgrid(across, down), axis=2)
    placed = cv2.perspectiveTransform(knots, cv2.invert(to_layer)[1]).reshape(-1, 2)
    straight = straightened(placed.astype(np.float64), bend)
    shown = cv2.perspectiveTransform(straight[None], cv2.invert(from_level)[1])
    places = shown.reshape(knots.shape).astype(np.float32)
    stretched = cv2.resize(places, (len(across) * sides[0], len(down) * sides[1]))
    (left, top), (width, height) = (side // 2 for side in sides), layer_wh
    return np.asarray(stretched[top : top + height, left : left + width], np.float32)
