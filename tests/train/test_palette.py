"""Other palettes: colours change by their hue, and nothing else does."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from train import paste
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.palette import HUES, recolour, round_the_wheel

SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def drawn() -> NDArray[np.uint8]:
    return paste.transform_cutout(load_cutouts(CUTOUTS)[1][0], np.eye(2), 90).pixels


@given(seed=SEEDS)
def test_the_outline_stays_and_colours_are_still_premultiplied(
    drawn: NDArray[np.uint8], seed: int
) -> None:
    other = recolour(drawn, np.random.default_rng(seed))
    assert other.dtype == np.uint8
    assert np.array_equal(other[..., 3], drawn[..., 3])
    assert (other[..., :3] <= other[..., 3:]).all()


@given(seed=SEEDS)
def test_what_is_grey_stays_grey_and_all_stays_as_bright(
    drawn: NDArray[np.uint8], seed: int
) -> None:
    grey = np.full((4, 4, 4), (90, 90, 90, 255), np.uint8)
    assert np.array_equal(recolour(grey, np.random.default_rng(seed)), grey)
    other = recolour(drawn, np.random.default_rng(seed))
    values = (cv2.cvtColor(layer[..., :3], cv2.COLOR_BGR2HSV)[..., 2] for layer in (drawn, other))
    assert np.abs(np.subtract(*(v.astype(int) for v in values))).max() <= 1


def test_palettes_differ_and_hues_move_by_amounts_of_their_own(drawn: NDArray[np.uint8]) -> None:
    inside = drawn[..., 3] == 255
    moved = [
        np.abs(recolour(drawn, np.random.default_rng(seed))[inside].astype(int) - drawn[inside])
        for seed in range(20)
    ]
    assert 3 < np.mean(moved) < 40
    assert np.std([one.mean() for one in moved]) > 1


@given(seed=SEEDS, reach=st.floats(0.1, 10))
def test_a_change_round_the_wheel_has_no_seam(seed: int, reach: float) -> None:
    change = round_the_wheel(np.random.default_rng(seed), reach)
    assert change[HUES] == pytest.approx(change[0], abs=1e-9)
    assert np.abs(np.diff(change)).max() < reach
