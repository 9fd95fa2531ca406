"""What a step of training does beside following the gradient: rates, clipping, average, precision.

Measured where the optimizers are about to move the weights, so that what they get counts.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from train.generator import PictureMaker
from train.network import NetworkShape
from train.recipe import Recipe, schedule
from train.trainer import Progress, Trainer

RECIPE = Recipe(stage="charmander", steps=2, batch_size=2, warmup_steps=1, precision="fp32", seed=3)
LOOSE = 1e9  # a limit that no gradient reaches


@pytest.fixture
def trained(maker: PictureMaker, tmp_path: Path):
    """Make a tiny trainer, let a test look at it, then train it to its last step."""

    def train(recipe: Recipe, look=lambda trainer: None, report=lambda now: None) -> Trainer:
        trainer = Trainer(recipe, NetworkShape(3, 64, (8, 8, 8, 8), (0, 0, 0)), ("a", "b", "c"))
        look(trainer)
        trainer.train(maker, [maker.make(0)], tmp_path, report, workers=0)
        return trainer

    return train


def test_each_step_has_the_rate_of_the_schedule(trained) -> None:
    recipe = replace(RECIPE, steps=6, warmup_steps=3)
    rates: dict[int, list[float]] = {0: [], 1: []}

    def look(trainer: Trainer) -> None:
        for n, optimizer in enumerate(trainer.optimizers):
            optimizer.register_step_pre_hook(
                lambda o, *_, n=n: rates[n].append(o.param_groups[0]["lr"])
            )

    trainer = trained(recipe, look)
    factors = [schedule(step, recipe) for step in range(6)]
    assert len(set(factors)) > 4
    for n, optimizer in enumerate(trainer.optimizers):
        assert rates[n] == pytest.approx([optimizer.defaults["lr"] * f for f in factors])


@pytest.mark.parametrize("clip_norm", [1e-3, LOOSE])
def test_the_gradient_is_no_longer_than_the_recipe_says(trained, clip_norm: float) -> None:
    norms: list[float] = []

    def look(trainer: Trainer) -> None:
        def measure(*_: object) -> None:
            gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
            norms.append(nn.utils.get_total_norm(gradients).item())

        trainer.optimizers[0].register_step_pre_hook(measure)

    trained(replace(RECIPE, clip_norm=clip_norm), look)
    assert len(norms) == RECIPE.steps
    if clip_norm == LOOSE:
        assert min(norms) > 0.1
    else:
        assert norms == pytest.approx([clip_norm] * RECIPE.steps, rel=1e-2)


def test_the_average_follows_the_network_step_by_step(trained) -> None:
    decay = 0.15  # so that the first step keeps less than that, and the second as much
    networks: list[dict[str, torch.Tensor]] = []
    trainers: list[Trainer] = []

    def state() -> dict[str, torch.Tensor]:
        return copy.deepcopy(trainers[0].network.state_dict())

    def look(trainer: Trainer) -> None:
        trainers.append(trainer)
        networks.append(state())

    def report(now: Progress) -> None:
        networks.append(state())

    trainer = trained(replace(RECIPE, ema_decay=decay), look, report)
    start, first, second = networks
    for name, value in trainer.averaged.state_dict().items():
        if not value.is_floating_point():
            assert value.equal(second[name]), name
            continue
        after_one = 0.1 * start[name] + 0.9 * first[name]
        by_hand = decay * after_one + (1 - decay) * second[name]
        torch.testing.assert_close(value, by_hand, rtol=1e-4, atol=1e-6)
    theirs = zip(trainer.averaged.parameters(), trainer.network.parameters(), strict=True)
    assert sum(not a.equal(b) for a, b in theirs) > 10


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_convolutions_have_the_precision_of_the_recipe(trained, precision, dtype) -> None:
    seen: list[torch.dtype] = []

    def look(trainer: Trainer) -> None:
        first = next(m for m in trainer.network.modules() if isinstance(m, nn.Conv2d))
        first.register_forward_hook(lambda module, given, answer: seen.append(answer.dtype))

    trainer = trained(replace(RECIPE, steps=1, precision=precision), look)
    assert seen == [dtype]
    assert {p.dtype for p in trainer.network.parameters()} == {torch.float32}
