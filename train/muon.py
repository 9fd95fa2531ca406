"""Muon: gradient descent whose steps turn every direction of a weight matrix alike.

From Keller Jordan, 2024: https://kellerjordan.github.io/posts/muon/. torch has one too, but for
matrices only and in bfloat16, which most CPUs multiply slowly.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

# of an odd polynomial that brings all singular values near 1 in five rounds, as in the post
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal. For the weights of hidden layers, of any shape [outputs, …]."""

    def __init__(
        self,
        weights: Iterable[Tensor],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        """lr: how far a step goes, as a part of a matrix whose singular values are all 1."""
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take one step; weights without a gradient stay as they are."""
        assert closure is None, "the loss is not computed again"
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(gradient, 1 - group["momentum"])
        looking_ahead = gradient.lerp(state["momentum"], group["momentum"])  # Nesterov's way
        turn = orthogonal(looking_ahead.flatten(1))
        outputs, inputs = turn.shape
        length = group["lr"] * max(1.0, outputs / inputs) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.sub_(turn.view(weight.shape), alpha=length)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return the nearest matrix with singular values of about 1 (0.7 to 1.2), by Newton–Schulz.

    Each round multiplies by a polynomial of the square X·Xᵀ. All of these commute, so it is enough
    to follow the square, and to turn the matrix, which is longer than wide, once at the end.
    """
    a, b, c = NEWTON_SCHULZ
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if is_tall else matrix
    x = x / (x.norm() + 1e-7)  # singular values of at most 1
    square = x @ x.T
    one = turn = torch.eye(len(x), device=x.device, dtype=x.dtype)
    for _ in range(ROUNDS):
        factor = a * one + b * square + c * square @ square
        turn = factor @ turn
        square = factor @ square @ factor
    x = turn @ x
    turned: Tensor = x.T if is_tall else x
    return turned
