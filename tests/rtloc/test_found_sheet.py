"""The sheet of pictures with the true boxes and the found ones."""

from __future__ import annotations

import numpy as np
import pytest

from rtloc.found_sheet import (
    COLUMNS,
    FOUND_COLOUR,
    PICTURE_WH,
    TRUE_COLOUR,
    Tile,
    draw_sheet,
    sheet_wh,
)


def tile_of(width: int, height: int) -> Tile:
    true = np.array([[0.2 * width, 0.3 * height, 0.5 * width, 0.6 * height]], np.float32)
    image = np.full((height, width, 3), 90, np.uint8)
    return Tile(
        image, true, true + np.float32(0.1 * height), ["cat 0.50"], ["a picture", "x" * 200]
    )


def has(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((image == np.array(colour, np.uint8)).all(axis=2).any())


@pytest.mark.parametrize("count", [0, 1, 3, 4, 12])
def test_it_has_a_tile_for_each_picture(count: int) -> None:
    sheet = draw_sheet([tile_of(96, 64)] * count, "all of them")
    width, height = sheet_wh(count)
    assert sheet.shape == (height, width, 3)
    assert sheet.dtype == np.uint8
    rows = max(1, -(-count // COLUMNS))
    assert height > rows * PICTURE_WH[1]
    if count:
        last = sheet[-PICTURE_WH[1] :]
        assert has(last, TRUE_COLOUR)
        assert has(last, FOUND_COLOUR)


@pytest.mark.parametrize("shape_wh", [(1920, 1080), (1080, 1920), (16, 16), (3000, 10), (10, 3000)])
def test_pictures_of_any_shape_fit(shape_wh: tuple[int, int]) -> None:
    sheet = draw_sheet([tile_of(*shape_wh)], "one")
    assert sheet.shape[:2] == sheet_wh(1)[::-1]
    # nothing is drawn into the places of the second and third picture
    beside = sheet[40:, PICTURE_WH[0] + 16 :]
    assert (beside == beside[0, 0]).all()
