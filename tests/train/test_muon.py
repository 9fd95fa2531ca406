"""Muon: orthogonal steps, of the length that was asked for."""

import pytest
import torch
from torch import nn

from train.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(24, 108), (64, 128), (256, 40), (5, 1)])
def test_singular_values_come_near_1_and_directions_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape) * 1e-4
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    (turned,) = orthogonal([matrix])
    assert turned.shape == matrix.shape
    within = u.T @ turned @ v.T
    values = within.diagonal()
    assert ((values > 0.6) & (values < 1.3)).all()
    assert (within - values.diag()).abs().max() < 1e-3


def test_matrices_together_turn_as_each_by_itself() -> None:
    torch.manual_seed(0)
    shapes = [(8, 30), (8, 12), (30, 8), (5, 5), (8, 8), (1, 3)]
    matrices = [torch.randn(shape) for shape in shapes]
    for matrix, turned in zip(matrices, orthogonal(matrices), strict=True):
        assert torch.allclose(turned, orthogonal([matrix])[0], atol=1e-5)


def test_no_gradient_gives_no_step_and_a_zero_one_no_nan() -> None:
    still, zero = nn.Parameter(torch.ones(3, 4)), nn.Parameter(torch.ones(3, 4))
    zero.grad = torch.zeros(3, 4)
    Muon([still, zero], lr=0.1).step()
    assert (still == 1).all()
    assert (zero == 1).all()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_step_is_worked_out_by_hand(layout: torch.memory_format) -> None:
    torch.manual_seed(1)
    weight = nn.Parameter(torch.randn(6, 4, 3, 3).contiguous(memory_format=layout))
    before = weight.detach().clone()
    optimizer = Muon([weight], lr=0.02, momentum=0.9, weight_decay=0.5)
    gradients = [torch.randn(6, 4, 3, 3) for _ in range(2)]
    wanted, momentum = before, torch.zeros_like(before)
    for gradient in gradients:
        weight.grad = gradient.contiguous(memory_format=layout)
        optimizer.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        (turn,) = orthogonal([(0.1 * gradient + 0.9 * momentum).flatten(1)])
        wanted = wanted * (1 - 0.02 * 0.5) - 0.02 * turn.view(6, 4, 3, 3)
    assert torch.allclose(weight, wanted, atol=1e-5)


def test_tall_matrices_take_longer_steps() -> None:
    tall = nn.Parameter(torch.zeros(64, 16))
    tall.grad = torch.randn(64, 16)
    Muon([tall], lr=0.5).step()
    length = torch.linalg.svdvals(tall.detach()).mean()
    assert length == pytest.approx(0.5 * 2, rel=0.25)


def test_it_learns_a_matrix() -> None:
    torch.manual_seed(2)
    true = torch.randn(8, 8)
    weight = nn.Parameter(torch.zeros(8, 8))
    optimizer = Muon([weight], lr=0.1)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        weight.grad = 2 * (weight.detach() - true)
        optimizer.step()
    assert (weight - true).norm() < 0.05 * true.norm()
