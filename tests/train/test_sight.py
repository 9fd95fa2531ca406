"""What of a pasted object can be seen: nothing where it has the colours of what it lies on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.cutouts import Cutout, cutout_from_bgra
from train.generator import picture_maker
from train.light import apply_cast
from train.paste import visible_parts
from train.sight import TELLING, Traces, lie_uppermost, part_seen
from train.stages import STAGES, Stage

SIZE, SIDE, NUMBER = 64, 16, 3
Image = NDArray[np.uint8]
DARK = np.hstack([0.05 * np.eye(3), np.zeros((3, 1))]).astype(np.float32)


def grey(level: int, side: int = SIDE) -> Image:
    return np.full((side, side, 3), level, np.uint8)


def pasted(
    before: Image, after: Image, x: int = 20, y: int = 24, own: int | None = None
) -> tuple[Traces, Image, Image]:
    """A square that was pasted at (x, y), the picture, and the map of what lies uppermost.

    own: its grey level before anything was done to its looks; None: that of `after`.
    """
    layer = np.full((SIDE, SIDE, 4), after[0, 0, 0] if own is None else own, np.uint8)
    layer[..., 3] = 255
    uppermost = np.zeros((SIZE, SIZE), np.uint8)
    lie_uppermost(uppermost, layer[..., 3], x, y, NUMBER)
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    parts = visible_parts(picture, layer, x, y)
    if parts is not None:
        parts[0][:] = after
    return Traces(NUMBER, layer, x, y, before), picture, uppermost


@given(st.integers(0, 255), st.integers(0, 255))
def test_an_object_is_seen_where_its_colours_are_others_than_what_it_hides(
    below: int, above: int
) -> None:
    traces, picture, uppermost = pasted(grey(below), grey(above))
    assert part_seen(traces, picture, uppermost, None) == (abs(above - below) >= TELLING)


def test_a_part_of_it_is_seen_where_a_part_is_told() -> None:
    after = grey(100)
    after[: SIDE // 4, :, 2] = 200  # in red alone
    traces, picture, uppermost = pasted(grey(100), after)
    assert part_seen(traces, picture, uppermost, None) == pytest.approx(1 / 4)


def test_what_is_covered_later_is_not_seen() -> None:
    traces, picture, uppermost = pasted(grey(0), grey(255))
    lie_uppermost(uppermost, np.full((SIZE, 4), 255, np.uint8), 20, 0, NUMBER + 1)
    assert part_seen(traces, picture, uppermost, None) == pytest.approx(3 / 4)


def test_of_an_object_that_is_cut_off_the_part_in_the_picture_counts() -> None:
    traces, picture, uppermost = pasted(grey(0, 8), grey(255, 8), x=-8, y=-8)
    assert part_seen(traces, picture, uppermost, None) == 1
    beyond, picture, uppermost = pasted(grey(0), grey(255), x=SIZE, y=0)
    assert part_seen(beyond, picture, uppermost, None) == 0


def test_in_the_dark_nothing_is_seen() -> None:
    traces, picture, uppermost = pasted(grey(0), apply_cast(grey(255), DARK))
    assert part_seen(traces, picture, uppermost, DARK) == 0


@pytest.mark.parametrize("extreme", [0, 255])
def test_what_light_has_made_all_white_or_black_is_not_seen(extreme: int) -> None:
    """But what is white or black itself is."""
    before, after = grey(128), grey(extreme)
    assert part_seen(*pasted(before, after, own=60), None) == 0
    assert part_seen(*pasted(before, after, own=extreme), None) == 1
    after[: SIDE // 4, :, 1] = 100  # a quarter has kept a colour
    assert part_seen(*pasted(before, after, own=60), None) == pytest.approx(1 / 4)


def one_square(level: int, stage: Stage) -> Cutout:
    square = np.full((64, 64, 4), level, np.uint8)
    square[..., 3] = 255
    return cutout_from_bgra(square, class_id=stage.classes[0] if stage.classes else 0)


def test_the_generator_labels_what_can_be_seen_and_nothing_else() -> None:
    """On black, a white square is seen and a nearly black one never is."""
    stage = STAGES["any-size"]
    for level, seen in ((255, 1), (TELLING - 1, 0)):
        maker = picture_maker(stage, [one_square(level, stage)], [], SIZE, seed=0)
        assert [len(maker.make(n).boxes) for n in range(10)] == [seen] * 10
