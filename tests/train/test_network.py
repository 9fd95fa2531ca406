"""The network: its shape, its start, and the way from its answers to boxes."""

import math

import pytest
import torch

from train.network import (
    OBJECTNESS,
    STRIDE,
    GridNetwork,
    NetworkShape,
    cell_corners,
    decode_boxes,
)

SMALL = (8, 8, 8, 8)


@pytest.mark.parametrize(("classes", "size"), [(1, 64), (3, 96), (7, 160)])
def test_pictures_become_a_grid_of_five_numbers_and_the_classes(classes: int, size: int) -> None:
    shape = NetworkShape(classes, size, SMALL)
    assert shape.grid == size // 16
    frames = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    logits = GridNetwork(shape)(frames)
    assert logits.shape == (2, 5 + classes, shape.grid, shape.grid)
    assert logits.dtype == torch.float32


def test_widths_and_depths_decide_the_convolutions() -> None:
    network = GridNetwork(NetworkShape(3, 64, (4, 6, 8, 10), (1, 2, 3)))
    kernels = [tuple(p.shape) for p in network.parameters() if p.ndim == 4]
    assert kernels == [
        (4, 3, 6, 6),
        (6, 4, 3, 3),
        (6, 6, 3, 3),
        (8, 6, 3, 3),
        *[(8, 8, 3, 3)] * 2,
        (10, 8, 3, 3),
        *[(10, 10, 3, 3)] * 3,
        (8, 10, 1, 1),
        (8, 8, 3, 3),
        (8, 8, 1, 1),
    ]


def test_a_new_network_believes_that_cells_are_empty() -> None:
    torch.manual_seed(0)
    network = GridNetwork(NetworkShape(3, 64)).eval()
    frames = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    objectness = network(frames)[:, OBJECTNESS].sigmoid()
    assert objectness.mean().item() == pytest.approx(0.01, rel=0.5)


def test_an_answer_depends_on_every_colour_and_corner() -> None:
    torch.manual_seed(0)
    network = GridNetwork(NetworkShape(1, 64, SMALL)).eval()
    frames = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    empty = network(frames)
    for row, column in ((0, 0), (0, 63), (63, 0), (63, 63)):
        for channel in range(3):
            touched = frames.clone()
            touched[0, row, column, channel] = 255
            apart = (network(touched) - empty).abs()[0].sum(dim=0)
            assert apart[row // STRIDE, column // STRIDE] > 0


def test_rows_and_columns_are_not_swapped() -> None:
    corners = cell_corners(3)
    assert corners.shape == (2, 3, 3)
    assert corners[:, 0, 2].tolist() == [2, 0]
    assert corners[:, 2, 1].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("logits", "box"),
    [
        # cell (2, 3): its middle is (40, 56) px; 0 is a half, and a half squared of 64 px is 16
        ((0, 0, 0, 0), (32, 48, 48, 64)),
        ((math.inf, -math.inf, 0, 0), (48, 32, 64, 48)),
        ((0, 0, math.inf, -math.inf), (8, 56, 72, 56)),
        ((math.log(3), 0, 0, math.log(3)), (40, 38, 56, 74)),
    ],
)
def test_box_logits_are_decoded_as_worked_out_by_hand(logits: tuple, box: tuple) -> None:
    boxes = decode_boxes(torch.tensor([logits]), torch.tensor([[2.0, 3.0]]), 64)
    assert boxes[0].tolist() == pytest.approx(box, abs=1e-4)


def test_a_grid_is_decoded_as_its_cells_are() -> None:
    logits = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    corners = cell_corners(4)
    whole = decode_boxes(logits, corners, 64)
    for row in range(4):
        for column in range(4):
            corner = torch.tensor([[column, row]]).float()
            alone = decode_boxes(logits[:, :, row, column], corner, 64)
            assert torch.allclose(whole[:, :, row, column], alone)
