"""The network: its shape, its start, and the way from its answers to boxes."""

import math

import pytest
import torch

from train import refine
from train.network import (
    OBJECTNESS,
    STRIDES,
    GridNetwork,
    NetworkShape,
    cells_of,
    decode_boxes,
    rows_of,
)

SMALL = (8, 8, 8, 8)


@pytest.mark.parametrize(("classes", "height", "width"), [(1, 64, 64), (3, 96, 160), (7, 160, 64)])
def test_pictures_become_grids_of_five_numbers_and_the_classes(
    classes: int, height: int, width: int
) -> None:
    frames = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    levels, features = GridNetwork(NetworkShape(classes, 160, SMALL))(frames)
    assert [level.shape for level in levels] == [
        (2, 5 + classes, height // stride, width // stride) for stride in STRIDES
    ]
    assert {level.dtype for level in levels} == {torch.float32}
    assert features.shape == (2, refine.CHANNELS, height // refine.STRIDE, width // refine.STRIDE)


def test_cells_and_their_answers_are_laid_out_alike() -> None:
    levels = tuple(torch.zeros(2, 9, 64 // s, 96 // s) for s in STRIDES)
    levels[0][1, 7, 3, 5] = 1.0
    levels[2][0, 2, 1, 2] = 2.0
    rows, cells = rows_of(levels), cells_of(levels)
    assert rows.shape == (2, 12 * 8 + 6 * 4 + 3 * 2, 9)
    assert cells.shape == (rows.shape[1], 3)
    assert len(set(map(tuple, cells.tolist()))) == len(cells)
    found = {
        tuple(rows.nonzero()[n].tolist()): cells[rows.nonzero()[n, 1]].tolist() for n in (0, 1)
    }
    assert found == {(0, 125, 2): [2, 1, 32], (1, 41, 7): [5, 3, 8]}


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
        (6, 8, 1, 1),
        (6, 6, 3, 3),
        (refine.CHANNELS, 6, 1, 1),
        *[(8, width, 1, 1) for width in (6, 8, 10)],
    ]


def test_a_new_network_believes_that_cells_are_empty() -> None:
    torch.manual_seed(0)
    network = GridNetwork(NetworkShape(3, 64))  # as it begins to learn
    frames = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    objectness = rows_of(network(frames).levels)[..., OBJECTNESS].sigmoid()
    assert objectness.mean().item() == pytest.approx(0.01, rel=0.5)


def test_an_answer_depends_on_every_colour_and_corner() -> None:
    torch.manual_seed(0)
    network = GridNetwork(NetworkShape(1, 64, (16, 16, 16, 16), (2, 0, 3))).eval()
    frames = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    empty = network(frames).levels
    for row, column in ((0, 0), (0, 63), (63, 0), (63, 63)):
        for channel in range(3):
            touched = frames.clone()
            touched[0, row, column, channel] = 255
            for level, before, stride in zip(network(touched).levels, empty, STRIDES, strict=True):
                apart = (level - before).abs()[0].sum(dim=0)
                assert apart[row // stride, column // stride] > 0


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 5])
def test_the_coarse_grid_sees_as_far_as_its_convolutions_reach(depth: int) -> None:
    network = GridNetwork(NetworkShape(1, 64, SMALL, (0, 0, depth))).eval()
    for weights in network.parameters():
        torch.nn.init.constant_(weights, 0.1)
    frames = torch.zeros(1, 64, 1280, 3, dtype=torch.uint8)
    empty = network(frames).levels[2][0, 0, 0]
    frames[0, 0, 640] = 255
    changed = (network(frames).levels[2][0, 0, 0] != empty).nonzero().flatten()
    # one column to each side of a border between two, and 1 + 2 + … by the dilated convolutions
    assert changed.max() - changed.min() + 1 == 2 * (1 + sum((1, 2, 3, 1, 2)[:depth]))


@pytest.mark.parametrize(
    ("logits", "box"),
    [
        # cell (2, 3) of stride 8: its middle is (20, 28) px; a half squared of 24 cells is 48 px
        ((0, 0, 0, 0), (-4, 4, 44, 52)),
        # three cells of 8 px to the right and up
        ((math.inf, -math.inf, 0, 0), (20, -20, 68, 28)),
        ((0, 0, math.inf, -math.inf), (-76, 28, 116, 28)),
        # three quarters: a quarter of six cells further; 9/16 of 192 px high
        ((math.log(3), 0, 0, math.log(3)), (8, -26, 56, 82)),
    ],
)
def test_box_logits_are_decoded_as_worked_out_by_hand(logits: tuple, box: tuple) -> None:
    boxes = decode_boxes(torch.tensor([logits]), torch.tensor([[2.0, 3.0, 8.0]]))
    assert boxes[0].tolist() == pytest.approx(box, abs=1e-4)
    # a cell of twice the stride says twice as much
    doubled = decode_boxes(torch.tensor([logits]), torch.tensor([[2.0, 3.0, 16.0]]))
    assert torch.equal(doubled, 2 * boxes)


def test_any_number_of_leading_sides_is_decoded_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 4, generator=generator)
    cells = torch.randint(1, 8, (2, 5, 3), generator=generator).float()
    whole = decode_boxes(logits, cells)
    for n in range(2):
        assert torch.allclose(whole[n], decode_boxes(logits[n], cells[n]))
