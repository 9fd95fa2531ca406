"""The grid's targets: which cells speak for which object, and what they should say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.generator import Sample
from train.loss import box_units
from train.network import STRIDE, decode_boxes
from train.targets import Targets, make_targets

WIDTH, HEIGHT = 96, 64
COLUMNS, ROWS = WIDTH // STRIDE, HEIGHT // STRIDE


def sample(*objects: tuple[float, float, float, float, int]) -> Sample:
    """A picture of 96×64 px with objects given as x1 y1 x2 y2 and class."""
    boxes = np.array([o[:4] for o in objects], np.float32).reshape(-1, 4)
    ids = np.array([o[4] for o in objects], np.int64)
    return Sample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), boxes, ids)


def cells(mask: torch.Tensor) -> set[tuple[int, int]]:
    """Return the (column, row) of the true cells of a mask [G, G']."""
    return {(column, row) for row, column in mask.nonzero().tolist()}


def test_a_small_object_is_laid_out_as_worked_out_by_hand() -> None:
    # centre (44, 28) px: the middle of cell (5, 3); its core is half a cell, its ring one more
    targets = make_targets([sample((38, 20, 50, 36, 2))])
    assert cells(targets.owner[0] == 0) == {(5, 3)}
    near = {(5, 3), (4, 3), (6, 3), (5, 2), (5, 4), (4, 2), (6, 2), (4, 4), (6, 4)}
    beside = {(x, y) for x, y in near if (x - 5) ** 2 + (y - 3) ** 2 <= 1.5**2}
    assert cells(~targets.counts[0]) == beside - {(5, 3)}
    assert targets.boxes.tolist() == [[38, 20, 50, 36]]
    assert targets.class_ids.tolist() == [2]


def test_a_large_object_has_a_larger_core() -> None:
    # 96 px wide: 12 cells, of which 0.12 to each side; 64 px high: 8 cells
    targets = make_targets([sample((0, 0, 96, 64, 0))])
    radius_x, radius_y = 0.12 * 12, 0.12 * 8
    expected = {
        (x, y)
        for x in range(COLUMNS)
        for y in range(ROWS)
        if ((x + 0.5 - 6) / radius_x) ** 2 + ((y + 0.5 - 4) / radius_y) ** 2 <= 1
    }
    assert cells(targets.owner[0] == 0) == expected
    assert len(expected) == 4


def test_shapes_and_types_are_those_of_the_loss() -> None:
    targets = make_targets([sample(), sample((0, 0, 64, 64, 1), (70, 5, 90, 30, 0))])
    assert targets.owner.shape == targets.counts.shape == (2, ROWS, COLUMNS)
    assert (targets.owner.dtype, targets.counts.dtype) == (torch.int64, torch.bool)
    assert (targets.boxes.shape, targets.boxes.dtype) == ((2, 4), torch.float32)
    assert (targets.class_ids.shape, targets.class_ids.dtype) == ((2,), torch.int64)


def test_an_empty_picture_asks_for_silence_everywhere() -> None:
    targets = make_targets([sample(), sample()])
    assert (targets.owner == -1).all()
    assert targets.counts.all()
    assert targets.boxes.shape == (0, 4)


def test_objects_land_in_their_own_picture() -> None:
    targets = make_targets([sample((0, 0, 8, 8, 1)), sample(), sample((80, 48, 96, 64, 0))])
    assert cells(targets.owner[0] >= 0) == {(0, 0)}
    assert cells(targets.owner[1] >= 0) == set()
    assert set(targets.owner[2].flatten().tolist()) == {-1, 1}


@st.composite
def pictures(draw: st.DrawFn) -> Sample:
    """Draw up to six boxes of at least a pixel inside a picture."""
    objects = []
    for _ in range(draw(st.integers(0, 6))):
        width, height = draw(st.floats(1, WIDTH)), draw(st.floats(1, HEIGHT))
        x, y = draw(st.floats(0, 1)) * (WIDTH - width), draw(st.floats(0, 1)) * (HEIGHT - height)
        objects.append((x, y, x + width, y + height, draw(st.integers(0, 4))))
    return sample(*objects)


@given(pictures())
def test_a_network_that_answers_the_targets_finds_the_true_boxes(picture: Sample) -> None:
    targets = make_targets([picture])
    speaks = targets.owner >= 0
    true = targets.boxes[targets.owner[speaks]]
    where = speaks.nonzero()[:, [2, 1]].float()
    units = box_units(true, where, WIDTH)
    assert ((units >= 0) & (units <= 1)).all()
    boxes = decode_boxes(units.double().logit(), where.double(), WIDTH)
    assert torch.allclose(boxes.float(), true, atol=2e-3)


@given(pictures())
def test_the_cell_that_holds_a_centre_speaks_for_an_object_there(picture: Sample) -> None:
    targets = make_targets([picture])
    centres = (picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2
    holders = [(min(int(x // 8), COLUMNS - 1), min(int(y // 8), ROWS - 1)) for x, y in centres]
    for column, row in holders:
        owner = int(targets.owner[0, row, column])
        assert owner >= 0
        assert targets.counts[0, row, column]
    alone = {h for h in holders if holders.count(h) == 1}
    for n, (column, row) in enumerate(holders):
        others = np.delete(centres, n, axis=0)
        if (column, row) in alone and (np.abs(others - centres[n]).max(axis=1) > 40).all():
            assert targets.owner[0, row, column] == n


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_objects_a_cell_speaks_for_the_nearer(order: tuple[int, int]) -> None:
    two = ((8, 8, 40, 40, 0), (40, 8, 72, 40, 1))
    targets = make_targets([sample(*(two[n] for n in order))])
    owners = {
        int(targets.class_ids[targets.owner[0, 2 + dy, 2 + dx]])
        for dx in (0, 1)
        for dy in (0, 1)
        if targets.owner[0, 2 + dy, 2 + dx] >= 0
    }
    assert owners == {0}


def test_targets_move_whole() -> None:
    targets = make_targets([sample((20, 20, 36, 44, 2))])
    moved: Targets = targets.to(torch.device("meta"))
    assert {field.device.type for field in vars(moved).values()} == {"meta"}
    assert {k: v.shape for k, v in vars(moved).items()} == {
        k: v.shape for k, v in vars(targets).items()
    }
