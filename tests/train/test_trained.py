"""A trained network is the one that its checkpoint holds, and answers as an engine does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from train.checkpoint import load_checkpoint
from train.generator import PictureMaker
from train.network import GridNetwork, NetworkShape
from train.recipe import Recipe
from train.trained import averaged_network, network_locate
from train.trainer import Trainer

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


def test_a_network_answers_as_an_engine_does() -> None:
    torch.manual_seed(0)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 64, 96, 3)).astype(np.uint8)
    raw = network_locate(GridNetwork(SHAPE))(pictures)
    assert raw.boxes.shape == (3, 50, 4)
    assert raw.scores.shape == raw.class_ids.shape == (3, 50)
    assert (np.diff(raw.scores, axis=1) <= 0).all()
