"""From a grid of answers to detections: peaks, order, boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from train import refine
from train.inference import CANDIDATES, Localization, overlap, stands_alone
from train.matching import iou_matrix
from train.network import (
    FIRST_CLASS,
    OBJECTNESS,
    STRIDES,
    Answers,
    GridNetwork,
    Levels,
    NetworkShape,
)

SIZE, GRID, CLASSES = 96, 12, 3
FRAMES = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)


class Known(GridNetwork):
    """A network whose logits are given, so that what follows from them is known."""

    def __init__(self, levels: Levels) -> None:
        super().__init__(NetworkShape(CLASSES, SIZE, (4, 4, 4, 4), (0, 0, 0)))
        self.levels = levels

    def forward(self, frames: Tensor) -> Answers:
        return Answers(self.levels, torch.ones(1, refine.CHANNELS, GRID, GRID))


def silence(size: int = SIZE) -> Levels:
    """Logits of grids in which nothing is found; no two cells have the same score."""
    fine, middle, coarse = (
        torch.zeros(1, FIRST_CLASS + CLASSES, size // s, size // s) for s in STRIDES
    )
    for level, sure in ((fine, -12.0), (middle, -14.0), (coarse, -16.0)):
        fewer = torch.arange(level.shape[2] * level.shape[3]).reshape(level.shape[2:])
        level[:, OBJECTNESS] = sure - fewer * 1e-3
        level[:, 2:4] = -3.0  # boxes so small that those of neighbours do not meet
    return fine, middle, coarse


def put(logits: Tensor, column: int, row: int, objectness: float, class_id: int = 0) -> None:
    logits[0, OBJECTNESS, row, column] = objectness
    logits[0, FIRST_CLASS + class_id, row, column] = 20


def locate(levels: Levels) -> tuple[Tensor, Tensor, Tensor]:
    boxes, scores, class_ids = Localization(Known(levels))(FRAMES)
    return boxes[0], scores[0], class_ids[0]


def test_one_object_seen_from_several_cells_is_found_once() -> None:
    levels = silence()
    logits = levels[0]
    put(logits, 4, 6, 3.0, class_id=2)
    for column, row in ((3, 6), (5, 6), (4, 5), (4, 7), (5, 7)):
        put(logits, column, row, 2.0, class_id=2)
    boxes, scores, class_ids = locate(levels)
    assert (scores > 0.01).sum() == 1
    assert scores[0].item() == pytest.approx(torch.tensor(3.0).sigmoid().item())
    assert class_ids[0] == 2
    # in the middle of cell (4, 6)
    half = 12 * 8 * torch.tensor(-3.0).sigmoid().item() ** 2
    assert boxes[0].tolist() == pytest.approx([36 - half, 52 - half, 36 + half, 52 + half])


def test_of_boxes_on_one_another_only_the_best_is_kept() -> None:
    levels = silence()
    logits = levels[0]
    for column, row, objectness in ((2, 2, 1.0), (5, 2, 2.0), (8, 8, 0.5)):
        put(logits, column, row, objectness)
    third = 1 / 24**0.5  # of the longest side it is the root: 8 px
    side = torch.tensor(2.5**0.5 * third).logit()  # 20 px wide, 24 px apart
    logits[0, 2:4, 2, 2] = logits[0, 2:4, 2, 5] = side
    _, scores, _ = locate(levels)
    assert (scores > 0.1).sum() == 3
    logits[0, 0, 2, 2] = 12.0  # the first box's centre moves by three cells, onto the second
    boxes, scores, _ = locate(levels)
    assert torch.allclose(scores[:2], torch.tensor([2.0, 0.5]).sigmoid(), atol=1e-3)
    assert (scores[2:] < 0.01).all()
    assert (scores.diff() <= 0).all()
    assert boxes[0].tolist() == pytest.approx([34, 10, 54, 30], abs=1e-3)


def test_objects_seen_on_two_grids_leave_room_for_others() -> None:
    fine, middle, _ = levels = silence(192)
    to_its_corner = torch.tensor(0.5 + 0.5 / 6).logit()  # of a fine cell: a middle one's centre
    for n in range(36):
        column, row = 2 * (n % 6), 2 * (n // 6)
        sure = 3.0 if n < 25 else 1.0  # twice 25 would be all that is answered
        for logits, place, stride in ((fine, 2, 8), (middle, 1, 16)):
            put(logits, place * column, place * row, sure)
            side = torch.tensor(20 / (24 * stride)).sqrt().logit()
            logits[0, 2:4, place * row, place * column] = side
        fine[0, :2, 2 * row, 2 * column] = to_its_corner
    _, scores, _ = locate(levels)
    assert (scores > 0.1).sum() == 36


@given(st.integers(0, 2**32 - 1))
def test_who_stands_alone_is_who_no_better_box_lies_on(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    corner = 40 * torch.rand(1, CANDIDATES, 2, generator=generator)
    sides = 5 + 30 * torch.rand(1, CANDIDATES, 2, generator=generator)
    boxes = torch.cat([corner, corner + sides], 2)
    both, union = overlap(boxes[:, :, None], boxes[:, None])
    alone = stands_alone(both > 0.6 * union)[0]
    overlaps = iou_matrix(boxes[0].numpy(), boxes[0].numpy())
    for n in range(CANDIDATES):
        assert bool(alone[n]) == bool((overlaps[n, :n] <= 0.6).all())


def test_detections_are_sorted_best_first() -> None:
    levels = silence()
    logits = levels[0]
    for column, row, objectness in ((1, 1, 0.5), (8, 1, 2.5), (1, 8, 1.5), (8, 8, -0.5)):
        put(logits, column, row, objectness)
    boxes, scores, _ = locate(levels)
    expected = torch.tensor([2.5, 1.5, 0.5, -0.5]).sigmoid()
    assert torch.allclose(scores[:4], expected)
    centres = (boxes[:4, :2] + boxes[:4, 2:]) / 2 / 8 - 0.5
    assert torch.allclose(centres, torch.tensor([[8.0, 1], [1, 8], [1, 1], [8, 8]]), atol=1e-4)


def test_objects_two_cells_apart_are_both_found() -> None:
    levels = silence()
    logits = levels[0]
    put(logits, 3, 3, 2.0, class_id=0)
    put(logits, 5, 3, 1.0, class_id=1)
    _, scores, class_ids = locate(levels)
    assert (scores > 0.1).sum() == 2
    assert class_ids[:2].tolist() == [0, 1]


def test_the_score_is_objectness_times_class_probability() -> None:
    levels = silence()
    logits = levels[0]
    logits[0, :, 5, 5] = torch.tensor([0, 0, 0, 0, 1.0, 0.5, 2.0, -1.0])
    _, scores, class_ids = locate(levels)
    classes = torch.tensor([0.5, 2.0, -1.0]).softmax(dim=0)
    assert scores[0].item() == pytest.approx((torch.tensor(1.0).sigmoid() * classes[1]).item())
    assert class_ids[0] == 1


@given(st.integers(0, 2**32 - 1))
def test_whoever_speaks_is_higher_than_all_round_it(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    levels = tuple(3 * torch.randn(level.shape, generator=generator) for level in silence())
    expected: list[tuple[float, float]] = []
    for logits in levels:
        logits[:, 2:4] = -9  # boxes so small that none lies on another
        grid = logits[0, OBJECTNESS].numpy()
        score = (
            logits[0, OBJECTNESS].sigmoid() * logits[0, FIRST_CLASS:].softmax(0).amax(0)
        ).numpy()
        padded = np.pad(grid, 1, constant_values=-np.inf)
        expected += [
            (float(grid[row, column]), float(score[row, column]))
            for row in range(grid.shape[0])
            for column in range(grid.shape[1])
            if grid[row, column] == padded[row : row + 3, column : column + 3].max()
        ]
    _, scores, _ = locate(levels)
    top = sorted((score for _, score in sorted(expected, reverse=True)[:50]), reverse=True)
    assert scores[: len(top)].tolist() == pytest.approx(top)
    assert (scores[len(top) :] == 0).all()


@pytest.mark.parametrize("side", [44, 58])
def test_an_object_that_two_grids_see_is_found_once(side: int) -> None:
    fine, middle, coarse = silence()
    put(fine, 5, 5, 1.0)
    put(middle, 2, 2, 2.0)  # centre (40, 40), as far as cell (5, 5) of the fine grid can say
    fine[0, :2, 5, 5] = (torch.tensor([40 / 8 - 5.5] * 2) / 6 + 0.5).logit()
    fine[0, 2:4, 5, 5] = torch.tensor((side / 192) ** 0.5).logit()
    middle[0, 2:4, 2, 2] = torch.tensor((48 / 384) ** 0.5).logit()
    boxes, scores, _ = locate((fine, middle, coarse))
    assert (scores > 0.01).sum() == 1
    assert scores[0].item() == pytest.approx(torch.tensor(2.0).sigmoid().item())
    assert boxes[0].tolist() == pytest.approx([16, 16, 64, 64], abs=1e-3)


def test_boxes_are_moved_before_those_on_one_another_are_dropped() -> None:
    levels = silence()
    put(levels[0], 5, 5, 2.0)
    put(levels[0], 8, 5, 1.0)  # 24 px to the right
    levels[0][0, 2:4, 5] = torch.tensor((20 / 192) ** 0.5).logit()
    network = Known(levels)
    with torch.no_grad():
        network.refinement.bias[0] = -1.0  # each left side goes a whole width to the left
        boxes, scores, _ = Localization(network)(FRAMES)
    assert (scores[0] > 0.1).sum() == 2
    assert boxes[0, 0].tolist() == pytest.approx([14, 34, 54, 54], abs=1e-3)
    with torch.no_grad():
        network.refinement.bias[2] = 1.0  # and each right one to the right: 60 px wide, 24 px apart
        network.refinement.bias[0] = -4.0
        _, scores, _ = Localization(network)(FRAMES)
    assert (scores[0] > 0.1).sum() == 1


@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 128), (96, 64), (192, 320)])
def test_there_are_fifty_rows(height: int, width: int) -> None:
    network = GridNetwork(NetworkShape(2, 320, (4, 4, 4, 4), (0, 0, 0))).eval()
    boxes, scores, class_ids = Localization(network)(
        torch.randint(0, 256, (3, height, width, 3), dtype=torch.uint8)
    )
    assert boxes.shape == (3, 50, 4)
    assert scores.shape == class_ids.shape == (3, 50)
    assert boxes.dtype == scores.dtype == torch.float32
    assert class_ids.dtype == torch.int64
    assert (scores.diff(dim=1) <= 0).all()
