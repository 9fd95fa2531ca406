"""Two runs' weights, averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from train.average import BATCH, averaged, main, with_statistics
from train.checkpoint import load_checkpoint, save_checkpoint
from train.errors import TrainError
from train.generator import PictureMaker
from train.network import NetworkShape
from train.recipe import Recipe
from train.trained import averaged_network
from train.trainer import Trainer

SHAPE = NetworkShape(2, 64, widths=(4, 8, 8, 8), depths=(0, 0, 0))


def states(shape: NetworkShape = SHAPE) -> tuple[dict, dict]:
    one, other = (Trainer(Recipe(seed=seed), shape, ("cat", "dog")).state() for seed in (0, 1))
    return one, other


def scaled(state: dict, by: float) -> dict:
    """The same network with kernels so many times as large, which batch norms make up for."""
    weights = dict(state["averaged"])
    for name in [name.removesuffix("1.running_var") for name in weights if "running_var" in name]:
        weights[f"{name}0.weight"] = by * weights[f"{name}0.weight"]
        weights[f"{name}1.running_mean"] = by * weights[f"{name}1.running_mean"]
        weights[f"{name}1.running_var"] = by**2 * (weights[f"{name}1.running_var"] + 1e-5) - 1e-5
    return {**state, "averaged": weights}


def alike(one: dict, other: dict) -> dict:
    """The other network with kernels as large as the first one's."""
    weights = dict(other["averaged"])
    for name in [name.removesuffix("1.running_var") for name in weights if "running_var" in name]:
        kernels = [state["averaged"][f"{name}0.weight"] for state in (one, other)]
        large = scaled(other, float(kernels[0].norm() / kernels[1].norm()))["averaged"]
        for key in ("0.weight", "1.running_mean", "1.running_var"):
            weights[f"{name}{key}"] = large[f"{name}{key}"]
    return {**other, "averaged": weights}


@pytest.mark.parametrize("by", [0.01, 100.0])
def test_the_scale_of_kernels_does_not_matter(by: float) -> None:
    one, other = states()
    wanted = averaged([one, other], [1, 2])["averaged"]
    mean = averaged([one, scaled(other, by)], [1, 2])["averaged"]
    for name, value in wanted.items():
        assert torch.allclose(mean[name], value, rtol=1e-3, atol=1e-5), name
    frames = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    answers = [averaged_network(state)(frames).levels[0] for state in (other, scaled(other, by))]
    assert torch.allclose(*answers, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("part", [0.0, 0.25, 1.0])
def test_the_weights_lie_between_the_two(part: float, tmp_path: Path) -> None:
    one, other = states()
    save_checkpoint(tmp_path / "between.pt", averaged([one, other], [1 - part, part]))
    between = averaged_network(load_checkpoint(tmp_path / "between.pt")).state_dict()
    moved = 0
    for name, value in between.items():
        a, b = (state["averaged"][name].float().cpu() for state in (one, alike(one, other)))
        assert torch.allclose(value.float(), a + part * (b - a), atol=1e-6), name
        moved += not torch.equal(a, b)
    assert moved > 5


def test_a_share_is_of_all_that_is_given() -> None:
    one, other = states()
    both = averaged([one, other, one], [0.5, 2, 1.5])
    name = "stem.0.weight"
    theirs = alike(one, other)["averaged"]
    assert torch.allclose(
        both["averaged"][name], (one["averaged"][name] + theirs[name]) / 2, atol=1e-7
    )


def test_shares_of_nothing_are_refused() -> None:
    with pytest.raises(TrainError, match="the shares come to 0"):
        averaged(states(), [0, 0])


def test_as_many_shares_are_asked_for_as_checkpoints(tmp_path: Path) -> None:
    one, other = (tmp_path / name for name in ("a.pt", "b.pt"))
    for path, state in zip((one, other), states(), strict=True):
        save_checkpoint(path, state)
    done = CliRunner().invoke(main, [str(one), str(other), str(tmp_path / "o.pt"), "--share", "1"])
    assert done.exit_code == 2
    assert "1 shares for 2 checkpoints; give one for each" in done.output
    assert not (tmp_path / "o.pt").exists()


def test_what_was_given_stays_as_it_was() -> None:
    one, other = states()
    before = {name: value.clone() for name, value in one["averaged"].items()}
    averaged([one, other], [1, 1])
    assert all(torch.equal(one["averaged"][name], value) for name, value in before.items())


def test_the_statistics_are_those_of_the_pictures_and_the_weights_stay(maker: PictureMaker) -> None:
    state = averaged(states(), [1, 1])
    taken = with_statistics(state, maker, 2 * BATCH)
    for name, value in taken["averaged"].items():
        is_statistic = "running" in name or "num_batches" in name
        assert torch.equal(value, state["averaged"][name]) != is_statistic, name
    # with them the first layer's outputs have a mean of 0 and a variance of 1 in those pictures
    network = averaged_network(taken)
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    means: list[torch.Tensor] = []
    norm.register_forward_pre_hook(lambda _, inputs: means.append(inputs[0].mean(dim=(0, 2, 3))))
    for first in (0, BATCH):
        pictures = [maker.make(n, maker.aspect(first)).image for n in range(first, first + BATCH)]
        network(torch.from_numpy(np.stack(pictures)))
    assert torch.allclose(norm.running_mean, torch.stack(means).mean(dim=0), atol=1e-4)


def test_other_networks_are_refused() -> None:
    other = states(NetworkShape(2, 96, widths=(4, 8, 8, 8), depths=(0, 0, 0)))[0]
    with pytest.raises(TrainError, match="different networks"):
        averaged([states()[0], other], [1, 1])
    single = Trainer(Recipe(head="single"), SHAPE, ("cat", "dog")).state()
    with pytest.raises(TrainError, match="different networks"):
        averaged([states()[0], single], [1, 1])
