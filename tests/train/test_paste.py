"""Pasting: the transform, the exact box, the blend."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.cutouts import SEEN_ALPHA, Cutout, cutout_from_bgra
from train.paste import (
    UNIT_SQUARE,
    Box,
    Layer,
    blend,
    blend_poisson,
    overlap_of_smaller,
    project,
    shape_matrix,
    tilt,
    transform_cutout,
)
from train.stages import Stage

SEEDS = st.integers(0, 2**32 - 1)


def opaque(width: int, height: int) -> Cutout:
    return cutout_from_bgra(np.full((height, width, 4), 255, np.uint8), 0)


def sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


@given(
    longer=st.integers(60, 300),
    aspect=st.floats(0.3, 1),
    upright=st.booleans(),
    angle=st.floats(0, 2 * np.pi),
    mirror=st.sampled_from([-1.0, 1.0]),
    part=st.floats(0, 1),
)
def test_the_longer_side_is_kept_exactly(
    *, longer: int, aspect: float, upright: bool, angle: float, mirror: float, part: float
) -> None:
    shorter = round(aspect * longer)
    cutout = opaque(shorter, longer) if upright else opaque(longer, shorter)
    wanted = 12 + part * (2 * longer - 12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    layer = transform_cutout(cutout, turn @ np.diag([mirror, 1.0]), wanted)
    assert max(sides(layer.box_px)) == pytest.approx(wanted, abs=1e-6)


def test_an_untouched_cutout_keeps_every_pixel() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (31, 40, 4)).astype(np.uint8)
    image[..., 3] = 255
    layer = transform_cutout(cutout_from_bgra(image, 0), np.eye(2), 40)
    x1, y1, x2, y2 = (int(v) for v in layer.box_px)
    assert layer.box_px == (x1, y1, x1 + 40, y1 + 31)
    assert np.array_equal(layer.pixels[y1:y2, x1:x2], image)
    rest = layer.pixels.copy()
    rest[y1:y2, x1:x2] = 0
    assert not rest.any()


def jagged(rng: np.random.Generator) -> Cutout:
    """Three overlapping squares, which no transform makes symmetrical."""
    image = np.zeros((180, 120, 4), np.uint8)
    for _ in range(3):
        x, y = rng.integers(0, 80), rng.integers(0, 140)
        image[y : y + 40, x : x + 40] = (*rng.integers(0, 256, 3), 255)
    return cutout_from_bgra(image, 0)


def seen_box(layer: Layer) -> list[int]:
    """Return the bounds of the pixels that can be seen."""
    seen = layer.pixels[..., 3] >= SEEN_ALPHA
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@given(st.floats(24, 400), SEEDS, st.sampled_from([0.0, 0.08]))
def test_the_box_is_exact(wanted: float, seed: int, perspective: float) -> None:
    rng = np.random.default_rng(seed)
    shape = shape_matrix(rng, Stage(rotation_deg=60, shear=0.1, squeeze=0.1, p_flip=0.5))
    cutout = jagged(rng)
    layer = transform_cutout(cutout, shape, wanted, rng, perspective)
    # a sharp corner covers less of its pixel than can be seen
    corner = 1.5 + 0.01 * wanted
    # half of a cut-out's pixel fades out beyond the edge, which may be seen where it is enlarged
    beyond = max(1, wanted / max(cutout.levels[0].shape[:2]) / 2)
    for exact, seen, sign in zip(layer.box_px, seen_box(layer), (1, 1, -1, -1), strict=True):
        assert -beyond <= sign * (seen - exact) <= corner
    assert max(sides(layer.box_px)) == pytest.approx(wanted, abs=1e-6)


def first_seen(alpha: np.ndarray) -> float:
    """Return where a row of pixels begins to be seen, to parts of a pixel."""
    n = int(np.flatnonzero(alpha >= SEEN_ALPHA)[0])
    before, there = (float(alpha[n - 1]) if n else 0.0), float(alpha[n])
    return n + 0.5 - (there - SEEN_ALPHA) / (there - before)


@given(st.floats(24, 300), SEEDS, st.sampled_from([0.0, 0.08]))
def test_the_box_of_a_round_thing_is_exact_to_parts_of_a_pixel(
    wanted: float, seed: int, perspective: float
) -> None:
    image = np.zeros((520, 520, 4), np.uint8)
    cv2.ellipse(image, (260, 260), (240, 150), 20, 0, 360, (50, 90, 200, 255), -1, cv2.LINE_AA)
    rng = np.random.default_rng(seed)
    shape = shape_matrix(rng, Stage(rotation_deg=60, shear=0.1, squeeze=0.1, p_flip=0.5))
    layer = transform_cutout(cutout_from_bgra(image, 0), shape, wanted, rng, perspective)
    height, width = layer.pixels.shape[:2]
    across, down = layer.pixels[..., 3].max(axis=0), layer.pixels[..., 3].max(axis=1)
    seen = (
        *(first_seen(across), first_seen(down)),
        *(width - first_seen(across[::-1]), height - first_seen(down[::-1])),
    )
    assert layer.box_px == pytest.approx(seen, abs=0.75)


@given(
    aspect=st.floats(1, 40),
    angle=st.floats(0, 2 * np.pi),
    strength=st.floats(0.01, 0.3),
    seed=SEEDS,
    upright=st.booleans(),
)
def test_a_tilt_folds_nothing_over(
    *, aspect: float, angle: float, strength: float, seed: int, upright: bool
) -> None:
    width, height = (100.0, 100 * aspect) if upright else (100 * aspect, 100.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    flat = np.eye(3)
    flat[:2, :2] = turn @ np.diag([width, height])
    tilted = tilt(np.random.default_rng(seed), flat, strength)
    corners = project(tilted, UNIT_SQUARE)
    along = np.roll(corners, -1, axis=0) - corners
    then = np.roll(along, -1, axis=0)
    # all four corners turn the same way, and none lies behind the camera
    assert (along[:, 0] * then[:, 1] - along[:, 1] * then[:, 0] > 0).all()
    depths = np.column_stack([UNIT_SQUARE, np.ones(4)]) @ tilted[2]
    assert (depths > 0).all()


def test_a_poisson_blend_keeps_the_objects_shape_and_meets_the_backgrounds_colour() -> None:
    image = np.full((60, 80, 3), 200, np.uint8)
    object_px = np.full((30, 30, 4), 255, np.uint8)
    object_px[..., :3] = 60
    object_px[10:20, 10:20, :3] = 20
    before = image.copy()
    assert blend_poisson(image, object_px, 20, 15)
    assert np.array_equal(image[:14], before[:14])
    assert abs(int(image[18, 25, 0]) - 200) < 25  # the flat part takes the background's colour
    assert int(image[18, 25, 0]) - int(image[30, 35, 0]) > 20  # what is darker inside stays so
    assert not blend_poisson(image, object_px, 60, 15)  # over the edge: nothing is done


def test_what_would_take_over_an_edge_behind_it_is_not_blended_by_poisson() -> None:
    image = np.full((60, 80, 3), 255, np.uint8)
    image[:, :35] = 0
    before = image.copy()
    pale = np.full((30, 30, 4), 255, np.uint8)
    pale[..., :3] = 140
    pale[10:20, 10:20, :3] = 110
    assert not blend_poisson(image, pale, 20, 15)
    assert np.array_equal(image, before)
    image[:] = before[:, -1:]  # on one side of the edge
    assert blend_poisson(image, pale, 20, 15)


def test_shrinking_averages_instead_of_picking_single_pixels() -> None:
    noise = np.random.default_rng(0).choice([0, 255], (256, 256, 4)).astype(np.uint8)
    noise[..., 3] = 255
    layer = transform_cutout(cutout_from_bgra(noise, 0), np.eye(2), 32)
    inside = layer.pixels[3:-3, 3:-3, :3]
    assert abs(inside.mean() - 127.5) < 3
    assert inside.std() < 25  # one pixel has 127.5, the mean of 64 has 16


def test_a_plain_stage_leaves_the_shape_alone() -> None:
    assert np.array_equal(shape_matrix(np.random.default_rng(0), Stage()), np.eye(2))


@given(SEEDS)
def test_the_shape_keeps_its_area(seed: int) -> None:
    stage = Stage(rotation_deg=90, shear=0.5, squeeze=0.5)
    assert np.linalg.det(shape_matrix(np.random.default_rng(seed), stage)) == pytest.approx(1)
    flipped = shape_matrix(np.random.default_rng(seed), replace(stage, p_flip=1.0))
    assert np.linalg.det(flipped) == pytest.approx(-1)


@given(SEEDS, st.integers(-25, 25), st.integers(-25, 25))
def test_blending_is_cut_at_the_edges(seed: int, x: int, y: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (16, 20, 3)).astype(np.uint8)
    alpha = rng.uniform(0, 255, (9, 11, 1))
    layer = np.concatenate([rng.uniform(0, 1, (9, 11, 3)) * alpha, alpha], axis=2)
    layer = np.floor(layer).astype(np.uint8)
    # the same on a canvas so wide that no edge is met
    wide = np.zeros((80, 80, 3))
    wide[30:46, 30:50] = image
    under = wide[30 + y : 39 + y, 30 + x : 41 + x]
    under[:] = layer[..., :3] + under * (1 - layer[..., 3:] / 255)
    pasted = image.copy()
    touches = -9 < y < 16 and -11 < x < 20
    blend(pasted, layer, x, y)
    assert np.abs(pasted - wide[30:46, 30:50]).max() <= 1
    if not touches:
        assert np.array_equal(pasted, image)


@given(SEEDS, st.integers(-8, 20), st.integers(-8, 20))
def test_alpha_0_leaves_the_picture_alone(seed: int, x: int, y: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (16, 20, 3)).astype(np.uint8)
    pasted = image.copy()
    blend(pasted, np.zeros((7, 5, 4), np.uint8), x, y)
    assert np.array_equal(pasted, image)


@given(SEEDS, st.integers(0, 13), st.integers(0, 9))
def test_alpha_255_replaces_the_picture(seed: int, x: int, y: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (16, 20, 3)).astype(np.uint8)
    layer = rng.integers(0, 256, (7, 6, 4)).astype(np.uint8)
    layer[..., 3] = 255
    expected = image.copy()
    expected[y : y + 7, x : x + 6] = layer[..., :3]
    blend(image, layer, x, y)
    assert np.array_equal(image, expected)


def test_half_alpha_mixes_half_and_half() -> None:
    image = np.full((1, 1, 3), 200, np.uint8)
    blend(image, np.array([[[50, 0, 127, 127]]], np.uint8), 0, 0)
    assert np.abs(image.astype(int) - [[[150, 100, 227]]]).max() <= 1


@pytest.mark.parametrize(
    ("a", "b", "part"),
    [
        ((0, 0, 4, 4), (0, 0, 4, 4), 1),
        ((0, 0, 4, 4), (1, 1, 2, 2), 1),
        ((0, 0, 4, 4), (2, 0, 6, 4), 0.5),
        ((0, 0, 4, 4), (3, 2, 5, 10), 0.125),
        ((0, 0, 4, 4), (4, 0, 8, 4), 0),
        ((0, 0, 4, 4), (5, 5, 8, 8), 0),
    ],
)
def test_overlap_is_a_part_of_the_smaller_box(a: Box, b: Box, part: float) -> None:
    assert overlap_of_smaller(a, b) == overlap_of_smaller(b, a) == part
