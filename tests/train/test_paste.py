"""Pasting: the transform, the exact box, the blend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from train.cutouts import Cutout, cutout_from_bgra
from train.paste import (
    SEEN_ALPHA,
    Box,
    blend,
    overlap_of_smaller,
    seen_box,
    shape_matrix,
    transform_cutout,
)
from train.stages import Stage

SEEDS = st.integers(0, 2**32 - 1)


def opaque(width: int, height: int) -> Cutout:
    return cutout_from_bgra(np.full((height, width, 4), 255, np.uint8), 0)


def sides(box: Box) -> tuple[float, float]:
    return box[2] - box[0], box[3] - box[1]


@given(SEEDS, st.integers(1, 12), st.integers(1, 12), st.floats(0, 1))
def test_the_seen_box_holds_every_seen_pixel_and_no_empty_edge(
    seed: int, width: int, height: int, density: float
) -> None:
    rng = np.random.default_rng(seed)
    some = rng.random((height, width)) < density * 0.3
    alpha = np.where(some, rng.uniform(SEEN_ALPHA, 255, some.shape), rng.uniform(0, 99.9))
    box = seen_box(alpha.astype(np.float32))
    seen = [(x, y) for y in range(height) for x in range(width) if alpha[y, x] >= SEEN_ALPHA]
    if not seen:
        assert box is None
        return
    xs, ys = {x for x, _ in seen}, {y for _, y in seen}
    assert box == (min(xs), min(ys), max(xs) + 1, max(ys) + 1)


def test_a_pixel_is_seen_from_an_alpha_of_100_on() -> None:
    alpha = np.zeros((4, 5), np.float32)
    alpha[1, 2] = 99.9
    assert seen_box(alpha) is None
    alpha[1, 2] = 100
    assert seen_box(alpha) == (2, 1, 3, 2)


def test_an_untouched_cutout_keeps_every_pixel() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (31, 40, 4)).astype(np.uint8)
    image[..., 3] = 255
    cutout = cutout_from_bgra(image, 0)
    layer = transform_cutout(cutout, np.eye(2), 40)
    assert layer is not None
    assert layer.tight_xyxy_px == (2, 2, 42, 33)
    assert np.allclose(layer.pixels[2:33, 2:42], image, atol=0.01)
    assert (layer.pixels[:2] == 0).all()
    assert (layer.pixels[:, 42:] == 0).all()


@given(
    longer=st.integers(60, 300),
    aspect=st.floats(0.3, 1),
    upright=st.booleans(),
    angle=st.floats(0, 2 * np.pi),
    mirror=st.sampled_from([-1.0, 1.0]),
    part=st.floats(0, 1),
)
def test_the_longer_side_is_kept_within_two_pixels(
    *, longer: int, aspect: float, upright: bool, angle: float, mirror: float, part: float
) -> None:
    shorter = round(aspect * longer)
    cutout = opaque(shorter, longer) if upright else opaque(longer, shorter)
    wanted = 12 + part * (2 * longer - 12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    layer = transform_cutout(cutout, turn @ np.diag([mirror, 1.0]), wanted)
    assert layer is not None
    assert abs(max(sides(layer.tight_xyxy_px)) - wanted) <= 2


@given(st.integers(24, 200), st.integers(24, 200), SEEDS, st.floats(20, 200))
def test_the_object_lies_in_the_middle_of_its_layer(
    width: int, height: int, seed: int, wanted: float
) -> None:
    stage = Stage(rotation_deg=40, shear=0.1, squeeze=0.2, p_flip=0.5)
    shape = shape_matrix(np.random.default_rng(seed), stage)
    layer = transform_cutout(opaque(width, height), shape, wanted)
    assume(layer is not None)
    x1, y1, x2, y2 = layer.tight_xyxy_px
    assert abs((x1 + x2) - layer.pixels.shape[1]) <= 2
    assert abs((y1 + y2) - layer.pixels.shape[0]) <= 2


@given(st.floats(8, 400), SEEDS)
def test_the_box_is_exact(wanted: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.zeros((90, 60, 4), np.uint8)
    for _ in range(3):
        x, y = rng.integers(0, 40), rng.integers(0, 70)
        image[y : y + 20, x : x + 20] = (*rng.integers(0, 256, 3), 255)
    shape = shape_matrix(rng, Stage(rotation_deg=60, shear=0.1, squeeze=0.1, p_flip=0.5))
    layer = transform_cutout(cutout_from_bgra(image, 0), shape, wanted)
    assume(layer is not None)
    seen = layer.pixels[..., 3] >= SEEN_ALPHA
    x1, y1, x2, y2 = map(int, layer.tight_xyxy_px)
    assert seen[y1:y2, x1:x2].sum() == seen.sum()
    for edge in (seen[y1, :], seen[y2 - 1, :], seen[:, x1], seen[:, x2 - 1]):
        assert edge.any()


def test_what_becomes_too_faint_is_dropped() -> None:
    image = np.zeros((200, 200, 4), np.uint8)
    image[0, 0] = image[199, 199] = 255  # two lone pixels far apart
    assert transform_cutout(cutout_from_bgra(image, 0), np.eye(2), 10) is None


def test_shrinking_averages_instead_of_picking_single_pixels() -> None:
    noise = np.random.default_rng(0).choice([0, 255], (256, 256, 4)).astype(np.uint8)
    noise[..., 3] = 255
    layer = transform_cutout(cutout_from_bgra(noise, 0), np.eye(2), 32)
    assert layer is not None
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
    layer = layer.astype(np.float32)
    # the same on a canvas so wide that no edge is met
    wide = np.zeros((80, 80, 3))
    wide[30:46, 30:50] = image
    under = wide[30 + y : 39 + y, 30 + x : 41 + x]
    under[:] = layer[..., :3] + under * (1 - layer[..., 3:] / 255)
    pasted = image.copy()
    touches = -9 < y < 16 and -11 < x < 20
    assert blend(pasted, layer, x, y) is touches
    assert np.abs(pasted - wide[30:46, 30:50]).max() <= 0.51
    if not touches:
        assert np.array_equal(pasted, image)


@given(SEEDS, st.integers(-8, 20), st.integers(-8, 20))
def test_alpha_0_leaves_the_picture_alone(seed: int, x: int, y: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (16, 20, 3)).astype(np.uint8)
    pasted = image.copy()
    blend(pasted, np.zeros((7, 5, 4), np.float32), x, y)
    assert np.array_equal(pasted, image)


@given(SEEDS, st.integers(0, 13), st.integers(0, 9))
def test_alpha_255_replaces_the_picture(seed: int, x: int, y: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (16, 20, 3)).astype(np.uint8)
    layer = rng.integers(0, 256, (7, 6, 4)).astype(np.float32)
    layer[..., 3] = 255
    expected = image.copy()
    expected[y : y + 7, x : x + 6] = layer[..., :3]
    assert blend(image, layer, x, y)
    assert np.array_equal(image, expected)


def test_half_alpha_mixes_half_and_half() -> None:
    image = np.full((1, 1, 3), 200, np.uint8)
    blend(image, np.array([[[50, 0, 127.5, 127.5]]], np.float32), 0, 0)
    assert image.tolist() == [[[150, 100, 228]]]


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
