"""Other styles of drawing: each changes the colours and leaves the outline."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train import layers, paste
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.restyle import OTHER_WAYS, filtered, pixelated, posterized, restyle, sculpted

EACH = pytest.mark.parametrize("way", (filtered, *OTHER_WAYS), ids=lambda way: way.__name__)


@pytest.fixture(scope="module")
def drawn() -> NDArray[np.uint8]:
    return paste.transform_cutout(load_cutouts(CUTOUTS)[1][0], np.eye(2), 90).pixels


def redrawn(drawn: NDArray[np.uint8], way: Callable, seed: int = 0) -> NDArray[np.uint8]:
    colours, alpha = layers.split(drawn)
    image = way(colours, alpha, np.random.default_rng(seed))
    return layers.join(cv2.min(image, layers.in_bgr(alpha)), alpha)


@EACH
def test_a_style_changes_the_colours_and_not_the_outline(
    drawn: NDArray[np.uint8], way: Callable
) -> None:
    other = redrawn(drawn, way)
    assert other.dtype == np.uint8
    assert other.shape == drawn.shape
    assert np.array_equal(other[..., 3], drawn[..., 3])
    assert (other[..., :3] <= other[..., 3:]).all()  # premultiplied
    inside = drawn[..., 3] == 255
    apart = np.abs(other[..., :3].astype(int) - drawn[..., :3])[inside].mean()
    assert 1 < apart < 90


@EACH
def test_a_style_takes_any_size(way: Callable) -> None:
    for shape in ((1, 1), (3, 40), (300, 7)):
        layer = np.full((*shape, 4), 200, np.uint8)
        assert redrawn(layer, way).shape == layer.shape
        assert (redrawn(np.zeros_like(layer), way) == 0).all()


def test_pixels_are_squares_of_one_colour(drawn: NDArray[np.uint8]) -> None:
    inside = cv2.erode((drawn[..., 3] == 255).astype(np.uint8), np.ones((9, 9))) > 0
    count = len(np.unique(redrawn(drawn, pixelated)[inside], axis=0))
    assert count < len(np.unique(drawn[inside], axis=0)) / 2


def test_posters_have_few_tones(drawn: NDArray[np.uint8]) -> None:
    inside = drawn[..., 3] == 255
    for seed in range(5):
        assert len(np.unique(redrawn(drawn, posterized, seed)[inside][:, 0])) <= 6


def test_a_body_is_brightest_towards_the_light_and_darkest_away_from_it() -> None:
    y, x = np.mgrid[-50:51, -50:51]
    disc = np.zeros((101, 101, 4), np.uint8)
    disc[x**2 + y**2 <= 48**2] = (90, 90, 90, 255)
    ring = (x**2 + y**2 > 20**2) & (x**2 + y**2 < 40**2)
    eighth = ((np.arctan2(y, x) + np.pi) / (2 * np.pi) * 8).astype(int) % 8
    for seed in range(5):
        grey = redrawn(disc, sculpted, seed)[..., 0]
        brightness = [float(grey[ring & (eighth == n)].mean()) for n in range(8)]
        apart = (np.argmax(brightness) - np.argmin(brightness)) % 8
        assert apart in (3, 4, 5)
        assert max(brightness) > min(brightness) + 10


def test_the_style_depends_on_the_seed_alone(drawn: NDArray[np.uint8]) -> None:
    a, b = (restyle(drawn, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(a, b)
    many = {restyle(drawn, np.random.default_rng(seed)).tobytes() for seed in range(30)}
    assert len(many) > 20
