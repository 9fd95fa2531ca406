"""A trained network is the one that its checkpoint holds, and answers as an engine does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from train.average import averaged
from train.checkpoint import load_checkpoint, save_checkpoint
from train.errors import TrainError
from train.export import export_checkpoint
from train.figures import Figures
from train.generator import PictureMaker
from train.network import GridNetwork, NetworkShape
from train.quantize import export_quantized
from train.recipe import Recipe
from train.resize import resize
from train.trained import averaged_network, network_locate
from train.trainer import Trainer, resume
from train.training_data import data_of_state

SHAPE = NetworkShape(3, 64, (8, 8, 8, 8), (0, 0, 0))
LABELS = ("Bulbasaur", "Charmander", "Squirtle")


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().items(), b.state_dict().items(), strict=True)
    return all(mine == theirs and x.equal(y) for (mine, x), (theirs, y) in pairs)


def test_the_averaged_network_of_a_checkpoint_is_the_trainers(
    maker: PictureMaker, tmp_path: Path
) -> None:
    recipe = Recipe(stage="charmander", steps=3, batch_size=4, warmup_steps=3)
    trainer = Trainer(recipe, SHAPE, LABELS)
    trainer.train(maker, [maker.make(9)], tmp_path, lambda _: None, workers=0)
    network = averaged_network(load_checkpoint(tmp_path / "last.pt"))
    assert network.shape == SHAPE
    assert not network.training
    assert same(network, trainer.averaged.cpu())
    assert not same(network, trainer.network.cpu())


@pytest.mark.parametrize("part", ["recipe", "figures"])
def test_a_checkpoint_of_another_version_is_told_in_one_line(tmp_path: Path, part: str) -> None:
    path, out = tmp_path / "newer.pt", tmp_path / "out"
    state = Trainer(Recipe(), SHAPE, LABELS).state()
    state["figures"] = asdict(Figures(0.9, 0.8, {}, 0.5, 1.0, 1.0))
    state[part]["of_tomorrow"] = 1
    save_checkpoint(path, state)
    reads: list[Callable[[], object]] = [lambda: resume(path), lambda: export_checkpoint(path, out)]
    if part == "recipe":
        reads += [
            lambda: averaged([state, state], [1, 1]),
            lambda: averaged_network(state),
            lambda: data_of_state(state),
            lambda: export_quantized(path, out),
            lambda: resize(path, 320, out),
        ]
    for read in reads:
        with pytest.raises(TrainError, match="of another version of rtloc") as caught:
            read()
        assert "\n" not in str(caught.value)
    assert not out.exists()


def test_a_network_answers_as_an_engine_does() -> None:
    torch.manual_seed(0)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    raw = network_locate(GridNetwork(SHAPE))(pictures)
    assert raw.boxes.shape == (3, 50, 4)
    assert raw.scores.shape == raw.class_ids.shape == (3, 50)
    assert (np.diff(raw.scores, axis=1) <= 0).all()
