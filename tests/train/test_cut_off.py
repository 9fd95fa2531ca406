"""The box of what is left of an object that the edge cuts off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train import looks, paste
from train.cut_off import faded_box, seen_box
from train.cutouts import SEEN_ALPHA, cutout_from_bgra
from train.paste import Layer, shape_matrix, transform_cutout
from train.stages import Stage

CANVAS_WH = 90, 70
CANVAS = np.zeros((CANVAS_WH[1], CANVAS_WH[0], 3), np.uint8)


def flag(rng: np.random.Generator) -> Layer:
    """A pole with a flag, turned: what is cut off decides how wide and high the rest is."""
    image = np.zeros((100, 80, 4), np.uint8)
    image[:, :12] = 255
    image[:40] = 255
    shape = shape_matrix(rng, Stage(rotation_deg=60, p_flip=0.5))
    return transform_cutout(cutout_from_bgra(image, 0), shape, 60.0)


@given(st.integers(0, 2**32 - 1), st.integers(-80, 100), st.integers(-80, 80))
def test_the_box_is_that_of_the_pixels_that_can_be_seen(seed: int, x: int, y: int) -> None:
    layer = flag(np.random.default_rng(seed))
    seen = CANVAS.copy()
    paste.blend(seen, layer.pixels, x, y)  # white on black: as bright as it is opaque
    rows, columns = np.nonzero(seen[..., 0] >= SEEN_ALPHA)
    box = seen_box(layer, x, y, seen)
    if box is None:
        assert not len(rows) or min(np.ptp(rows), np.ptp(columns)) < 7
        return
    pixels = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    # a sharp corner covers less of its pixels than can be seen
    assert box == pytest.approx(pixels, abs=2.5)
    assert box[0] >= 0
    assert box[1] >= 0
    assert box[2] <= CANVAS_WH[0]
    assert box[3] <= CANVAS_WH[1]


def test_an_object_that_lies_inside_keeps_its_exact_box() -> None:
    layer = Layer(np.full((10, 10, 4), 255, np.uint8), (0.25, 0.5, 9.5, 9.75))
    assert seen_box(layer, 3, 4, CANVAS) == (3.25, 4.5, 12.5, 13.75)


def test_what_lies_outside_has_no_box() -> None:
    layer = Layer(np.full((10, 10, 4), 255, np.uint8), (0, 0, 10, 10))
    assert seen_box(layer, -20, 0, CANVAS) is None
    assert seen_box(layer, -7, 0, CANVAS) is None
    assert seen_box(layer, -4, 0, CANVAS) == (0, 0, 6, 10)


@given(st.integers(0, 2**32 - 1), st.integers(-30, 60), st.integers(-30, 40), st.floats(0.3, 1.6))
def test_the_box_of_a_faded_edge_is_that_of_the_pixels_that_are_left(
    seed: int, x: int, y: int, sigma: float
) -> None:
    layer = flag(np.random.default_rng(seed))
    box = seen_box(layer, x, y, CANVAS)
    if box is None:
        return
    faded = looks.feathered(layer.pixels, sigma)
    shown = CANVAS.copy()
    paste.blend(shown, faded, x, y)
    rows, columns = np.nonzero(shown[..., 0] >= SEEN_ALPHA)
    if not len(rows):
        return
    pixels = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    found = faded_box(box, layer.pixels, faded, (x, y), CANVAS)
    assert found == pytest.approx(pixels, abs=2.5)


@pytest.mark.parametrize("sigma", [1.6, 4.0])
def test_a_faded_edge_is_exact(sigma: float) -> None:
    layer = Layer(np.zeros((40, 40, 4), np.uint8), (5.0, 6.0, 35.0, 34.0))
    layer.pixels[6:34, 5:35] = 255
    faded = looks.feathered(layer.pixels, sigma)
    rows, columns = np.nonzero(faded[..., 3] >= SEEN_ALPHA)
    box = (2.0 + 5, 3.0 + 6, 2.0 + 35, 3.0 + 34)
    left = (2 + columns.min(), 3 + rows.min(), 3 + columns.max(), 4 + rows.max())
    assert faded_box(box, layer.pixels, faded, (2, 3), CANVAS) == left
    assert left != box


def test_what_fades_away_altogether_keeps_its_box() -> None:
    line = np.zeros((30, 30, 4), np.uint8)
    line[15] = 255
    box = (0.0, 15.0, 30.0, 16.0)
    assert faded_box(box, line, looks.feathered(line, 1.6), (5, 5), CANVAS) == box
