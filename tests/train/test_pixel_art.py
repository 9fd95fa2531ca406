"""Pixel art is drawn anew as what it shows: round, flat, and with all that is in it."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from train.layers import premultiplied
from train.pixel_art import ENLARGED_SIDE_PX, blocks, doubled, drawn, redrawn, smoothed

Image = NDArray[np.uint8]
SKIN, LINE, EYE = (40, 120, 240, 255), (10, 20, 30, 255), (250, 250, 250, 255)


def disc(side: int) -> NDArray[np.float64]:
    """Return which part of each pixel a disc as wide as the picture covers, [side, side]."""
    fine = 16 * side
    x, y = np.meshgrid(np.arange(fine) + 0.5, np.arange(fine) + 0.5)
    inside = np.hypot(x - fine / 2, y - fine / 2) <= fine / 2
    return inside.reshape(side, 16, side, 16).mean(axis=(1, 3))


def sprite(side: int = 32) -> Image:
    """A disc within a line, with an eye of one pixel."""
    art = np.zeros((side, side, 4), np.uint8)
    art[disc(side) > 0.5] = LINE
    inner = np.pad(disc(side - 4), 2)
    art[inner > 0.5] = SKIN
    art[side // 3, side // 2] = EYE
    return art


def test_a_stair_becomes_a_slant() -> None:
    stair = np.array([[0, 0, 7], [0, 7, 7], [7, 7, 7]], np.uint32)
    assert doubled(stair).tolist() == [
        [0, 0, 0, 0, 7, 7],
        [0, 0, 0, 7, 7, 7],
        [0, 0, 0, 7, 7, 7],
        [0, 7, 7, 7, 7, 7],
        [7, 7, 7, 7, 7, 7],
        [7, 7, 7, 7, 7, 7],
    ]


def test_what_is_round_is_rounder_than_in_its_pixels() -> None:
    true = 255 * disc(ENLARGED_SIDE_PX)
    assert blocks(sprite()).shape == redrawn(sprite()).shape == (*true.shape, 4)
    wrong = {way: np.abs(way(sprite())[..., 3] - true).mean() for way in (blocks, redrawn)}
    assert wrong[redrawn] < 0.7 * wrong[blocks]


def test_its_colours_stay_flat() -> None:
    colours = {SKIN, LINE, EYE, (0, 0, 0, 0)}

    def flat(image: Image) -> float:
        return float(np.mean([tuple(pixel) in colours for pixel in image.reshape(-1, 4).tolist()]))

    assert flat(redrawn(sprite())) > 0.9
    assert flat(smoothed(sprite())) < 0.8


def test_a_detail_of_one_pixel_stays() -> None:
    scale = ENLARGED_SIDE_PX // 32
    y, x = (round((place + 0.5) * scale) for place in (32 // 3, 32 // 2))
    assert redrawn(sprite())[y, x].tolist() == list(EYE)


def test_the_colours_of_what_is_not_seen_do_not_matter() -> None:
    other = sprite()
    other[other[..., 3] == 0] = (200, 10, 90, 0)
    assert (drawn(other) == drawn(sprite())).all()


def test_what_touches_the_edge_gets_round_there() -> None:
    corners = drawn(np.full((20, 20, 4), SKIN, np.uint8))[..., 3]
    box = cv2.boundingRect(corners)
    assert corners[box[1], box[0]] < 128 <= corners[box[1] + box[3] // 2, box[0] + 2]


@pytest.mark.parametrize("side", [16, 100])
def test_a_small_photo_is_enlarged_as_one(side: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 4), np.uint8)
    photo = cv2.GaussianBlur(noise, (0, 0), 2).astype(np.uint8)
    photo[..., 3] = 255
    bordered = cv2.copyMakeBorder(photo, 1, 1, 1, 1, cv2.BORDER_CONSTANT).astype(np.uint8)
    assert (drawn(photo) == smoothed(premultiplied(bordered))).all()
