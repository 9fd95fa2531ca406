"""The grid's targets, and the way back from them to boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.generator import Sample
from train.network import STRIDE, cell_corners, decode_boxes
from train.targets import Targets, make_targets

GRID = 4
SIZE = GRID * STRIDE


def sample(*objects: tuple[float, float, float, float, int]) -> Sample:
    """A picture of 64 px with objects given as x1 y1 x2 y2 and class."""
    boxes = np.array([o[:4] for o in objects], np.float32).reshape(-1, 4)
    ids = np.array([o[4] for o in objects], np.int64)
    return Sample(np.zeros((SIZE, SIZE, 3), np.uint8), boxes, ids)


def cells(mask: torch.Tensor) -> set[tuple[int, int]]:
    """Return the (column, row) of the true cells of a mask [G, G]."""
    return {(column, row) for row, column in mask.nonzero().tolist()}


def test_one_object_is_laid_out_as_worked_out_by_hand() -> None:
    # centre (28, 32) px = (1.75, 2) cells: in cell (1, 2), nearest to (1, 1), (2, 1) and (2, 2) too
    targets = make_targets([sample((20, 20, 36, 44, 2))], GRID)
    near = {(1, 1), (2, 1), (1, 2), (2, 2)}
    assert cells(targets.has_box[0]) == near
    assert cells(targets.objectness[0]) == {(1, 2)}
    assert targets.objectness.sum() == 1
    assert cells(~targets.objectness_counts[0]) == near - {(1, 2)}
    width, height = (16 / 64) ** 0.5, (24 / 64) ** 0.5
    by_hand = {
        (1, 1): (0.625, 0.75, width, height),
        (2, 1): (0.125, 0.75, width, height),
        (1, 2): (0.625, 0.25, width, height),
        (2, 2): (0.125, 0.25, width, height),
    }
    for (column, row), unit in by_hand.items():
        assert targets.box_unit[0, :, row, column].tolist() == pytest.approx(unit)
        assert targets.boxes[0, :, row, column].tolist() == [20, 20, 36, 44]
        assert targets.class_ids[0, row, column] == 2
    assert targets.box_unit[0][:, ~targets.has_box[0]].eq(0).all()


def test_shapes_and_types_are_those_of_the_loss() -> None:
    targets = make_targets([sample(), sample((0, 0, 64, 64, 1))], GRID)
    assert targets.box_unit.shape == targets.boxes.shape == (2, 4, GRID, GRID)
    assert targets.box_unit.dtype == targets.boxes.dtype == torch.float32
    for field, kind in (
        (targets.class_ids, torch.int64),
        (targets.has_box, torch.bool),
        (targets.objectness, torch.float32),
        (targets.objectness_counts, torch.bool),
    ):
        assert field.shape == (2, GRID, GRID)
        assert field.dtype == kind


def test_an_empty_picture_asks_for_silence_everywhere() -> None:
    targets = make_targets([sample(), sample()], GRID)
    assert not targets.has_box.any()
    assert targets.objectness.sum() == 0
    assert targets.objectness_counts.all()


def test_objects_land_in_their_own_picture() -> None:
    targets = make_targets([sample((0, 0, 8, 8, 1)), sample(), sample((48, 48, 64, 64, 0))], GRID)
    assert cells(targets.objectness[0]) == {(0, 0)}
    assert cells(targets.objectness[1]) == set()
    assert cells(targets.objectness[2]) == {(3, 3)}


@pytest.mark.parametrize(
    ("box", "near"),
    [
        ((0, 0, 8, 8), {(0, 0)}),
        ((56, 56, 64, 64), {(3, 3)}),
        ((0, 24, 8, 40), {(0, 1), (0, 2)}),
    ],
)
def test_cells_outside_the_picture_are_left_out(
    box: tuple[float, float, float, float], near: set[tuple[int, int]]
) -> None:
    assert cells(make_targets([sample((*box, 0))], GRID).has_box[0]) == near


SMALL_HERE = (20, 20, 28, 28, 0)  # its centre lies in cell (1, 1)
LARGE_HERE = (6, 6, 46, 46, 1)  # and so does this one's
SMALL_BESIDE = (33, 20, 37, 28, 2)  # this one's lies in cell (2, 1), near (1, 1)


@pytest.mark.parametrize(
    ("objects", "owner"),
    [
        ((SMALL_HERE, LARGE_HERE), 0),
        ((LARGE_HERE, SMALL_HERE), 0),
        ((SMALL_BESIDE, LARGE_HERE), 1),
        ((LARGE_HERE, SMALL_BESIDE), 1),
        ((SMALL_BESIDE, SMALL_HERE, LARGE_HERE), 0),
    ],
)
def test_a_cell_belongs_to_the_object_it_holds_and_then_to_the_smaller(
    objects: tuple, owner: int
) -> None:
    targets = make_targets([sample(*objects)], GRID)
    assert targets.class_ids[0, 1, 1] == owner
    wanted = next(o for o in objects if o[4] == owner)
    assert targets.boxes[0, :, 1, 1].tolist() == list(wanted[:4])


@st.composite
def pictures(draw: st.DrawFn) -> Sample:
    """Draw up to six boxes of at least a pixel inside a picture."""
    objects = []
    for _ in range(draw(st.integers(0, 6))):
        width, height = draw(st.floats(1, SIZE)), draw(st.floats(1, SIZE))
        x, y = draw(st.floats(0, 1)) * (SIZE - width), draw(st.floats(0, 1)) * (SIZE - height)
        objects.append((x, y, x + width, y + height, draw(st.integers(0, 4))))
    return sample(*objects)


def decoded(targets: Targets) -> torch.Tensor:
    """Turn the sigmoids' targets into boxes, as a network that answers them exactly would."""
    corners = cell_corners(GRID).expand(len(targets.box_unit), -1, -1, -1)
    return decode_boxes(targets.box_unit.logit(), corners, SIZE)


@given(pictures())
def test_a_network_that_answers_the_targets_finds_the_true_boxes(picture: Sample) -> None:
    targets = make_targets([picture], GRID)
    where = targets.has_box[0]
    boxes = decoded(targets)[0][:, where].T.numpy()
    assert np.allclose(boxes, targets.boxes[0][:, where].T, atol=2e-3)
    for box, class_id in zip(boxes, targets.class_ids[0][where].tolist(), strict=True):
        same = np.abs(picture.boxes - box).max(axis=1) < 2e-3
        assert class_id in picture.class_ids[same]


@given(pictures())
def test_every_object_has_its_cell(picture: Sample) -> None:
    targets = make_targets([picture], GRID)
    centres = (picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2
    holders = {(int(x // STRIDE), int(y // STRIDE)) for x, y in centres}
    assert cells(targets.objectness[0]) == holders
    for column, row in holders:
        assert targets.has_box[0, row, column]
        assert targets.objectness_counts[0, row, column]


def test_targets_move_whole() -> None:
    targets = make_targets([sample((20, 20, 36, 44, 2))], GRID)
    moved = targets.to(torch.device("meta"))
    assert {field.device.type for field in vars(moved).values()} == {"meta"}
    assert {k: v.shape for k, v in vars(moved).items()} == {
        k: v.shape for k, v in vars(targets).items()
    }
