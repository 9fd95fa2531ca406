"""Muon: gradient descent whose steps turn every direction of a weight matrix alike.

From Keller Jordan, 2024: https://kellerjordan.github.io/posts/muon/. torch has one too, but for
matrices only and in bfloat16, which most CPUs multiply slowly.
"""

from collections.abc import Callable, Iterable, Sequence

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
            weights = [weight for weight in group["params"] if weight.grad is not None]
            ahead = [self._look_ahead(weight, group["momentum"]) for weight in weights]
            turns = orthogonal([gradient.flatten(1) for gradient in ahead])
            for weight, turn in zip(weights, turns, strict=True):
                outputs, inputs = turn.shape
                length = group["lr"] * max(1.0, outputs / inputs) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(turn.view(weight.shape), alpha=length)

    def _look_ahead(self, weight: Tensor, momentum: float) -> Tensor:
        """Move a weight's momentum and return where it will take the gradient, Nesterov's way."""
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].lerp_(weight.grad, 1 - momentum)
        return torch.lerp(weight.grad, state["momentum"], momentum)  # type: ignore[arg-type]


def orthogonal(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Return the nearest matrices with singular values of about 1 (0.7 to 1.2), by Newton–Schulz.

    Those of as many rows go through the rounds together: one by one, asking for such small
    products costs more than they do.
    """
    wide = [m.T if is_tall(m) else m for m in matrices]
    wide = [x / (x.norm() + 1e-7) for x in wide]  # singular values of at most 1
    alike: dict[int, list[int]] = {}
    for n, x in enumerate(wide):
        alike.setdefault(len(x), []).append(n)
    for chosen in alike.values():
        turns = turns_of(torch.stack([wide[n] @ wide[n].T for n in chosen]))
        for n, turn in zip(chosen, turns, strict=True):
            wide[n] = turn @ wide[n]
    return [x.T if is_tall(m) else x for m, x in zip(matrices, wide, strict=True)]


def turns_of(squares: Tensor) -> Tensor:
    """Return what turns each matrix X, of whose square X·Xᵀ [N, n, n] this is, to be orthogonal.

    Each round multiplies by a polynomial of the square. All of these commute, so it is enough to
    follow the square, and to turn the matrix, which is longer than wide, once at the end.
    """
    a, b, c = NEWTON_SCHULZ
    one = torch.eye(squares.shape[1], device=squares.device, dtype=squares.dtype)
    turn = None
    for left in reversed(range(ROUNDS)):
        factor = torch.baddbmm(a * one + b * squares, squares, squares, alpha=c)
        turn = factor if turn is None else factor @ turn
        if left:
            squares = factor @ squares @ factor
    assert turn is not None
    return turn


def is_tall(matrix: Tensor) -> bool:
    """Say whether a matrix has more rows than columns."""
    return matrix.shape[0] > matrix.shape[1]
