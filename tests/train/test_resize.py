"""A checkpoint for inputs of another size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engines.model_file import read_model_info
from train.checkpoint import load_checkpoint
from train.errors import TrainError
from train.export import export_checkpoint
from train.network import NetworkShape
from train.recipe import Recipe, picture_size
from train.resize import resize
from train.settle import settle
from train.stage_recipes import HeadName
from train.trainer import Trainer
from train.training_data import data_of_state, load_training_data


def trained(folder: Path, head: HeadName) -> Path:
    """Take two steps with pictures of 128 pixels."""
    labels = ("Bulbasaur", "Charmander", "Squirtle")
    recipe = Recipe(stage="multi-class", labels=labels, head=head, steps=2, batch_size=2)
    data = load_training_data(recipe, 128)
    trainer = Trainer(recipe, NetworkShape(3, 128, (4, 4, 4, 4), (0, 0, 0)), labels)
    samples = list(data.held_out_samples(4))
    trainer.train(data.training, samples, folder, lambda _: None, workers=0, validate_every=2)
    return folder / "best.pt"


def test_the_network_stays_and_is_measured_at_the_new_size(tmp_path: Path) -> None:
    checkpoint, out = trained(tmp_path, "dense"), tmp_path / "larger.pt"
    before = checkpoint.read_bytes()
    resize(checkpoint, 192, out)
    data = data_of_state(load_checkpoint(out))
    figures = settle(out, data, samples=4, photos=4, drawings=2)
    assert checkpoint.read_bytes() == before
    old, new = load_checkpoint(checkpoint), load_checkpoint(out)
    assert all(
        torch.equal(new["averaged"][name], old["averaged"][name]) for name in old["averaged"]
    )
    assert (old["shape"]["size"], new["shape"]["size"]) == (128, 192)
    assert picture_size(Recipe(**new["recipe"]), 192) == 128
    assert export_checkpoint(out, tmp_path / "m.onnx") == figures
    info = read_model_info(tmp_path / "m.onnx")
    assert (info.input_size, info.threshold) == (192, pytest.approx(figures.threshold, abs=1e-4))


def test_it_may_be_done_again(tmp_path: Path) -> None:
    checkpoint, larger, smaller = (tmp_path / name for name in ("best.pt", "l.pt", "s.pt"))
    trained(tmp_path, "dense")
    resize(checkpoint, 192, larger)
    resize(larger, 96, smaller)
    assert picture_size(Recipe(**load_checkpoint(smaller)["recipe"]), 96) == 128


def test_the_single_head_is_for_its_own_size_only(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="single head"):
        resize(trained(tmp_path, "single"), 192, tmp_path / "larger.pt")
    assert not (tmp_path / "larger.pt").exists()
