"""Other proportions: undone exactly, and with a box that is exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train import layers, paste
from train.bend import MOST_HEAD, Bend, Wave, bent, random_bend, straightened
from train.cutouts import cutout_from_bgra, load_cutouts
from train.data_set import CUTOUTS

LIMIT = st.floats(-MOST_HEAD, MOST_HEAD)
BENDS = st.builds(Bend, LIMIT, LIMIT, st.floats(-0.2, 0.2))
WAVES = st.builds(Wave, st.floats(-0.06, 0.06), st.floats(0.4, 1), st.floats(0, 1))
POSED = st.builds(Bend, LIMIT, LIMIT, st.floats(-0.2, 0.2), WAVES, WAVES)
STRAIGHT = Bend(0.0, 0.0, 0.0)


@given(POSED, st.integers(0, 2**32 - 1))
def test_what_is_bent_can_be_straightened(bend: Bend, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-0.1, 1.1, (50, 2))
    assert straightened(bent(points, bend), bend) == pytest.approx(points, abs=1e-6)


@given(BENDS)
def test_rows_stay_rows_in_their_order_and_so_do_the_places_along_them(bend: Bend) -> None:
    x, y = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9))
    grid = bent(np.column_stack([x.ravel(), y.ravel()]), bend).reshape(9, 9, 2)
    assert np.ptp(grid[..., 1], axis=1).max() < 1e-12
    assert (np.diff(grid[..., 1], axis=0) > 0).all()
    assert (np.diff(grid[..., 0], axis=1) > 0).all()


def test_a_large_head_takes_more_of_the_height_and_the_feet_stay_at_the_bottom() -> None:
    (top, waist, bottom), _ = bent(np.array([[0.5, 0], [0.5, 0.5], [0.5, 1]]), Bend(0.4, 0, 0)).T[
        ::-1
    ]
    assert (top, bottom) == pytest.approx((0, 1))
    assert waist == pytest.approx(0.5 + 0.4 / np.pi)


def test_a_bend_of_nothing_draws_the_same() -> None:
    cutout = load_cutouts(CUTOUTS)[1][0]
    plain, same = (
        paste.draw_pose(paste.pose_of(cutout, np.eye(2), 90, bend=bend))
        for bend in (None, STRAIGHT)
    )
    assert same.box_px == pytest.approx(plain.box_px)
    assert same.pixels.shape == plain.pixels.shape
    assert np.abs(same.pixels.astype(int) - plain.pixels).mean() < 0.5


def test_waves_move_rows_sideways_and_columns_up_and_down() -> None:
    points = np.array([[0.2, 0.25], [0.7, 0.25], [0.2, 0.75]])
    swayed = bent(points, Bend(0, 0, 0, sway=Wave(0.1, 1, 0)))
    assert swayed == pytest.approx(np.array([[0.3, 0.25], [0.8, 0.25], [0.1, 0.75]]))
    nodded = bent(points[:, ::-1], Bend(0, 0, 0, nod=Wave(0.1, 1, 0)))
    assert nodded == pytest.approx(swayed[:, ::-1])


@settings(max_examples=60)
@given(POSED, st.integers(0, 2**32 - 1), st.floats(20, 200))
def test_the_box_of_a_bent_object_is_exact(bend: Bend, seed: int, side: float) -> None:
    rng = np.random.default_rng(seed)
    image = np.zeros((80, 60, 4), np.uint8)
    for _ in range(6):  # a jagged shape, with hollows in its outline
        x, y = rng.integers(0, 50, 2)
        image[y : y + 28, x : x + 9] = 255
    cutout = cutout_from_bgra(image, 0)
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    layer = paste.draw_pose(paste.pose_of(cutout, turn, side, rng, 0.08, bend=bend))
    rows, columns = np.nonzero(layers.alpha_of(layer.pixels) >= 128)
    seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    # a thin corner may lack the one pixel that is half covered
    assert np.abs(np.array(seen) - layer.box_px).max() < 1.5 + 0.01 * side


def test_bends_are_drawn_within_their_limits_and_of_both_kinds() -> None:
    rng = np.random.default_rng(0)
    drawn = [random_bend(rng) for _ in range(500)]
    heads = np.array([bend.head for bend in drawn])
    assert np.abs(heads).max() <= MOST_HEAD
    assert 0.4 < (heads > 0).mean() < 0.6
