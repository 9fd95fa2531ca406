"""From a grid of answers to detections: peaks, order, boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from train.inference import Localization, stands_alone
from train.matching import iou_matrix
from train.network import FIRST_CLASS, OBJECTNESS, GridNetwork, NetworkShape

SIZE, GRID, CLASSES = 80, 10, 3
FRAMES = torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)


class Known(GridNetwork):
    """A network whose logits are given, so that what follows from them is known."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__(NetworkShape(CLASSES, SIZE, (4, 4, 4, 4), (0, 0, 0)))
        self.logits = logits

    def forward(self, frames: Tensor) -> Tensor:
        return self.logits


def silence() -> Tensor:
    """Logits of a grid in which nothing is found; no two cells have the same score."""
    logits = torch.zeros(1, FIRST_CLASS + CLASSES, GRID, GRID)
    logits[:, OBJECTNESS] = -12 - torch.arange(GRID * GRID).reshape(GRID, GRID) * 1e-3
    logits[:, 2:4] = -1.5  # boxes of 2.7 px, so that those of neighbours do not meet
    return logits


def put(logits: Tensor, column: int, row: int, objectness: float, class_id: int = 0) -> None:
    logits[0, OBJECTNESS, row, column] = objectness
    logits[0, FIRST_CLASS + class_id, row, column] = 20


def locate(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    boxes, scores, class_ids = Localization(Known(logits))(FRAMES)
    return boxes[0], scores[0], class_ids[0]


def test_one_object_seen_from_several_cells_is_found_once() -> None:
    logits = silence()
    put(logits, 4, 6, 3.0, class_id=2)
    for column, row in ((3, 6), (5, 6), (4, 5), (4, 7), (5, 7)):
        put(logits, column, row, 2.0, class_id=2)
    boxes, scores, class_ids = locate(logits)
    assert (scores > 0.01).sum() == 1
    assert scores[0].item() == pytest.approx(torch.tensor(3.0).sigmoid().item())
    assert class_ids[0] == 2
    # in the middle of cell (4, 6)
    half = 40 * torch.tensor(-1.5).sigmoid().item() ** 2
    assert boxes[0].tolist() == pytest.approx([36 - half, 52 - half, 36 + half, 52 + half])


def test_of_boxes_on_one_another_only_the_best_is_kept() -> None:
    logits = silence()
    for column, row, objectness in ((2, 2, 1.0), (5, 2, 2.0), (8, 8, 0.5)):
        put(logits, column, row, objectness)
    logits[0, 2:4, 2, 2] = logits[0, 2:4, 2, 5] = 0.0  # 20 px wide, 24 px apart
    _, scores, _ = locate(logits)
    assert (scores > 0.1).sum() == 3
    logits[0, 0, 2, 2] = 12.0  # the first box's centre moves by three cells, onto the second
    boxes, scores, _ = locate(logits)
    assert torch.allclose(scores[:2], torch.tensor([2.0, 0.5]).sigmoid(), atol=1e-3)
    assert (scores[2:] < 0.01).all()
    assert (scores.diff() <= 0).all()
    assert boxes[0].tolist() == pytest.approx([34, 10, 54, 30])


@given(st.integers(0, 2**32 - 1))
def test_who_stands_alone_is_who_no_better_box_lies_on(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    corner = 40 * torch.rand(1, 50, 2, generator=generator)
    boxes = torch.cat([corner, corner + 5 + 30 * torch.rand(1, 50, 2, generator=generator)], 2)
    alone = stands_alone(boxes)[0]
    overlaps = iou_matrix(boxes[0].numpy(), boxes[0].numpy())
    for n in range(50):
        assert bool(alone[n]) == bool((overlaps[n, :n] <= 0.6).all())


def test_detections_are_sorted_best_first() -> None:
    logits = silence()
    for column, row, objectness in ((1, 1, 0.5), (8, 1, 2.5), (1, 8, 1.5), (8, 8, -0.5)):
        put(logits, column, row, objectness)
    boxes, scores, _ = locate(logits)
    expected = torch.tensor([2.5, 1.5, 0.5, -0.5]).sigmoid()
    assert torch.allclose(scores[:4], expected)
    centres = (boxes[:4, :2] + boxes[:4, 2:]) / 2 / 8 - 0.5
    assert torch.allclose(centres, torch.tensor([[8.0, 1], [1, 8], [1, 1], [8, 8]]), atol=1e-4)


def test_objects_two_cells_apart_are_both_found() -> None:
    logits = silence()
    put(logits, 3, 3, 2.0, class_id=0)
    put(logits, 5, 3, 1.0, class_id=1)
    _, scores, class_ids = locate(logits)
    assert (scores > 0.1).sum() == 2
    assert class_ids[:2].tolist() == [0, 1]


def test_the_score_is_objectness_times_class_probability() -> None:
    logits = silence()
    logits[0, :, 5, 5] = torch.tensor([0, 0, 0, 0, 1.0, 0.5, 2.0, -1.0])
    _, scores, class_ids = locate(logits)
    classes = torch.tensor([0.5, 2.0, -1.0]).softmax(dim=0)
    assert scores[0].item() == pytest.approx((torch.tensor(1.0).sigmoid() * classes[1]).item())
    assert class_ids[0] == 1


@given(st.integers(0, 2**32 - 1))
def test_whoever_speaks_is_higher_than_all_round_it(seed: int) -> None:
    logits = 3 * torch.randn(
        1, FIRST_CLASS + CLASSES, GRID, GRID, generator=torch.Generator().manual_seed(seed)
    )
    logits[:, 2:4] = -4  # boxes so small that none lies on another
    _, scores, _ = locate(logits)
    objectness = logits[0, OBJECTNESS].sigmoid()
    grid = (objectness * logits[0, FIRST_CLASS:].softmax(dim=0).amax(dim=0)).numpy()
    padded = np.pad(grid, 1)
    peaks = [
        grid[row, column]
        for row in range(GRID)
        for column in range(GRID)
        if grid[row, column] == padded[row : row + 3, column : column + 3].max()
    ]
    assert scores[: len(peaks)].tolist() == sorted(map(float, peaks), reverse=True)
    assert (scores[len(peaks) :] == 0).all()


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
