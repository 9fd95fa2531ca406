"""The network: its shape, its start, and the way from its answers to boxes."""

import math

import pytest
import torch

from train.network import (
    OBJECTNESS,
    STRIDE,
    GridNetwork,
    NetworkShape,
    decode_boxes,
)

SMALL = (8, 8, 8, 8)


@pytest.mark.parametrize(("classes", "height", "width"), [(1, 64, 64), (3, 96, 160), (7, 160, 64)])
def test_pictures_become_a_grid_of_five_numbers_and_the_classes(
    classes: int, height: int, width: int
) -> None:
    frames = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    logits = GridNetwork(NetworkShape(classes, 160, SMALL))(frames)
    assert logits.shape == (2, 5 + classes, height // STRIDE, width // STRIDE)
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
        (6, 8, 1, 1),
        *[(6, 6, 3, 3)] * 2,
        (8, 6, 1, 1),
    ]


def test_a_new_network_believes_that_cells_are_empty() -> None:
    torch.manual_seed(0)
    network = GridNetwork(NetworkShape(3, 64)).eval()
    frames = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    objectness = network(frames)[:, OBJECTNESS].sigmoid()
    assert objectness.mean().item() == pytest.approx(0.01, rel=0.5)


def test_an_answer_depends_on_every_colour_and_corner() -> None:
    torch.manual_seed(0)
    network = GridNetwork(NetworkShape(1, 64, (16, 16, 16, 16))).eval()
    frames = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    empty = network(frames)
    for row, column in ((0, 0), (0, 63), (63, 0), (63, 63)):
        for channel in range(3):
            touched = frames.clone()
            touched[0, row, column, channel] = 255
            apart = (network(touched) - empty).abs()[0].sum(dim=0)
            assert apart[row // STRIDE, column // STRIDE] > 0


@pytest.mark.parametrize(
    ("logits", "box"),
    [
        # cell (2, 3): its middle is (20, 28) px; 0 is a half, and a half squared of 64 px is 16
        ((0, 0, 0, 0), (12, 20, 28, 36)),
        # three cells of 8 px to the right and up
        ((math.inf, -math.inf, 0, 0), (36, -4, 52, 12)),
        ((0, 0, math.inf, -math.inf), (-12, 28, 52, 28)),
        # three quarters: a quarter of six cells further; 9/16 of 64 px high
        ((math.log(3), 0, 0, math.log(3)), (24, 10, 40, 46)),
    ],
)
def test_box_logits_are_decoded_as_worked_out_by_hand(logits: tuple, box: tuple) -> None:
    boxes = decode_boxes(torch.tensor([logits]), torch.tensor([[2.0, 3.0]]), 64)
    assert boxes[0].tolist() == pytest.approx(box, abs=1e-4)


def test_any_number_of_leading_sides_is_decoded_alike() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 4, generator=generator)
    cells = torch.randint(0, 8, (2, 5, 2), generator=generator).float()
    whole = decode_boxes(logits, cells, 64)
    for n in range(2):
        assert torch.allclose(whole[n], decode_boxes(logits[n], cells[n], 64))
