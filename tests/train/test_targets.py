"""The grid's targets: which cells speak for which object, and what they should say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.loss import box_units
from train.network import STRIDES, cells_of, decode_boxes
from train.samples import Sample
from train.targets import Targets, make_targets

WIDTH, HEIGHT = 96, 64
GRIDS = [(HEIGHT // s, WIDTH // s) for s in STRIDES]  # rows and columns
CELLS = cells_of(tuple(torch.zeros(1, 1, *grid) for grid in GRIDS))


def sample(*objects: tuple[float, float, float, float, int]) -> Sample:
    """A picture of 96×64 px with objects given as x1 y1 x2 y2 and class."""
    boxes = np.array([o[:4] for o in objects], np.float32).reshape(-1, 4)
    ids = np.array([o[4] for o in objects], np.int64)
    return Sample(np.zeros((HEIGHT, WIDTH, 3), np.uint8), boxes, ids)


def cells(mask: torch.Tensor) -> set[tuple[int, int, int]]:
    """Return the column, row and stride of the true cells of a mask [N]."""
    return {(int(x), int(y), int(stride)) for x, y, stride in CELLS[mask].tolist()}


def in_grid(stride: int, *places: tuple[int, int]) -> set[tuple[int, int, int]]:
    return {(x, y, stride) for x, y in places}


def test_a_small_object_is_laid_out_as_worked_out_by_hand() -> None:
    # centre (44, 28) px: the middle of cell (5, 3); its core is 0.7 cells, its ring one more
    targets = make_targets([sample((38, 20, 50, 36, 2))])
    assert cells(targets.owner[0] == 0) == {(5, 3, 8)}
    round_it = [(x, y) for x in (4, 5, 6) for y in (2, 3, 4) if (x, y) != (5, 3)]
    assert cells(~targets.counts[0]) == in_grid(8, *round_it)
    assert targets.boxes.tolist() == [[38, 20, 50, 36]]
    assert targets.class_ids.tolist() == [2]


def test_a_large_object_belongs_to_the_coarse_grid() -> None:
    # 96 px wide: 3 cells of 32 px, 6 of 16, 12 of 8; its centre (48, 32) is a corner of cells
    targets = make_targets([sample((0, 0, 96, 64, 0))])
    # a quarter of 6 cells to each side, a quarter of 4 up and down
    core = [(x, y) for x in (2, 3) for y in (1, 2)]
    assert cells(targets.owner[0] == 0) == in_grid(16, *core)
    assert {place[2] for place in cells(~targets.counts[0])} == {16}


@pytest.mark.parametrize(
    ("longer_px", "stride", "beside"),
    [(48, 8, None), (63, 8, 16), (65, 16, 8), (96, 16, None), (128, 16, 32), (130, 32, 16)],
)
def test_the_longer_side_decides_the_grid(longer_px: float, stride: int, beside: int) -> None:
    picture = Sample(
        np.zeros((256, 256, 3), np.uint8),
        np.array([[40, 40, 40 + longer_px, 60]], np.float32),
        np.array([0], np.int64),
    )
    targets = make_targets([picture])
    laid = cells_of(tuple(torch.zeros(1, 1, 256 // s, 256 // s) for s in STRIDES))
    assert set(laid[targets.owner[0] >= 0][:, 2].tolist()) == {stride}
    others = set(laid[~targets.counts[0]][:, 2].tolist()) - {stride}
    assert others == ({beside} if beside else set())


def test_shapes_and_types_are_those_of_the_loss() -> None:
    targets = make_targets([sample(), sample((0, 0, 64, 64, 1), (70, 5, 90, 30, 0))])
    assert targets.owner.shape == targets.counts.shape == (2, len(CELLS))
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
    assert cells(targets.owner[0] >= 0) == {(0, 0, 8)}
    assert cells(targets.owner[1] >= 0) == set()
    assert set(targets.owner[2].tolist()) == {-1, 1}


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
    where = CELLS[speaks.nonzero()[:, 1]]
    units = box_units(true, where)
    assert ((units >= 0) & (units <= 1)).all()
    boxes = decode_boxes(units.double().logit(), where.double())
    assert torch.allclose(boxes.float(), true, atol=2e-3)


@given(pictures())
def test_the_cell_that_holds_a_centre_speaks_for_an_object_there(picture: Sample) -> None:
    targets = make_targets([picture])
    for n, box in enumerate(picture.boxes):
        longer = max(box[2] - box[0], box[3] - box[1])
        stride = next((s for s in STRIDES if longer <= 8 * s), STRIDES[-1])
        centre = (box[:2] + box[2:]) / 2
        last = (WIDTH // stride - 1, HEIGHT // stride - 1)
        x, y = (min(int(c / stride), end) for c, end in zip(centre, last, strict=True))
        place = CELLS.tolist().index([x, y, stride])
        assert targets.owner[0, place] >= 0
        assert targets.counts[0, place]
        if len(picture.boxes) == 1:
            assert targets.owner[0, place] == n


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_objects_a_cell_speaks_for_the_nearer(order: tuple[int, int]) -> None:
    two = ((8, 8, 40, 40, 0), (24, 8, 56, 40, 1))  # centres (24, 24) and (40, 24)
    targets = make_targets([sample(*(two[n] for n in order))])
    speakers = cells(targets.owner[0] >= 0)
    assert speakers == in_grid(8, *((x, y) for x in (2, 3, 4, 5) for y in (2, 3)))
    for place in speakers:
        owner = targets.owner[0, CELLS.tolist().index(list(place))]
        assert int(targets.class_ids[owner]) == int(place[0] > 3)


def test_targets_move_whole() -> None:
    targets = make_targets([sample((20, 20, 36, 44, 2))])
    moved: Targets = targets.to(torch.device("meta"))
    assert {field.device.type for field in vars(moved).values()} == {"meta"}
    assert {k: v.shape for k, v in vars(moved).items()} == {
        k: v.shape for k, v in vars(targets).items()
    }
