"""Two runs' weights, averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train.average import averaged
from train.checkpoint import load_checkpoint, save_checkpoint
from train.errors import TrainError
from train.network import NetworkShape
from train.trainer import Recipe, Trainer, averaged_network

SHAPE = NetworkShape(2, 64, widths=(4, 8, 8, 8), depths=(0, 0, 0))


def states(shape: NetworkShape = SHAPE) -> tuple[dict, dict]:
    one, other = (Trainer(Recipe(seed=seed), shape, ("cat", "dog")).state() for seed in (0, 1))
    return one, other


@pytest.mark.parametrize("part", [0.0, 0.25, 1.0])
def test_the_weights_lie_between_the_two(part: float, tmp_path: Path) -> None:
    one, other = states()
    save_checkpoint(tmp_path / "between.pt", averaged(one, other, part))
    between = averaged_network(load_checkpoint(tmp_path / "between.pt")).state_dict()
    moved = 0
    for name, value in between.items():
        a, b = (state["averaged"][name].float().cpu() for state in (one, other))
        assert torch.allclose(value.float(), a + part * (b - a), atol=1e-6), name
        moved += not torch.equal(a, b)
    assert moved > 5


def test_what_was_given_stays_as_it_was() -> None:
    one, other = states()
    before = {name: value.clone() for name, value in one["averaged"].items()}
    averaged(one, other, 0.5)
    assert all(torch.equal(one["averaged"][name], value) for name, value in before.items())


def test_other_networks_are_refused() -> None:
    other = states(NetworkShape(2, 96, widths=(4, 8, 8, 8), depths=(0, 0, 0)))[0]
    with pytest.raises(TrainError, match="different networks"):
        averaged(states()[0], other, 0.5)
