"""Training goes on from a model file: its weights, its answers, statistics of its layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engines.model_file import read_model_info, resolve_model
from rtloc.commands.train_run import file_of_weights
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.errors import TrainError
from train.export import Description, export_onnx
from train.generator import picture_maker
from train.model_weights import read_weights, set_apart
from train.network import DEPTHS, FIRST_CLASS, GridNetwork, NetworkShape
from train.recipe import Recipe
from train.single import SingleNetwork
from train.stages import STAGES, Stage
from train.trainer import Trainer
from train.transfer import begin_with

SHAPE = NetworkShape(3, 64, (8, 8, 8, 8), (1, 0, 2))
LABELS = ("Bulbasaur", "Charmander", "Squirtle")


def learnt() -> GridNetwork:
    """A network whose every layer has statistics and weights of its own."""
    torch.manual_seed(3)
    network = GridNetwork(SHAPE)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(0.5, 2)
                layer.bias.normal_()
                assert layer.running_mean is not None and layer.running_var is not None
                layer.running_mean.normal_()
                layer.running_var.uniform_(0.5, 2)
        network.refinement.weights.normal_(std=0.01)
    return network.eval()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.onnx"
    export_onnx(learnt(), Description(LABELS, 0.5, "many-objects", {}), path)
    return path


def frames(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=generator)


def test_the_network_of_a_model_file_answers_as_the_one_that_was_exported(model: Path) -> None:
    network = GridNetwork(SHAPE)
    labels, weights = read_weights(model, network)
    network.load_state_dict(weights)
    assert tuple(labels) == LABELS
    wanted, answers = learnt()(frames(2)), network.eval()(frames(2))
    for a, b in zip(
        (*wanted.levels, wanted.features), (*answers.levels, answers.features), strict=True
    ):
        assert torch.allclose(a, b, atol=1e-3)
    assert torch.equal(network.refinement.weights, learnt().refinement.weights)


def test_statistics_change_no_answer_and_make_training_begin_where_it_was(model: Path) -> None:
    network = GridNetwork(SHAPE)
    network.load_state_dict(read_weights(model, network)[1])
    pictures = frames(32)
    with torch.no_grad():
        before = network.eval()(pictures)
        set_apart(network, pictures)
        after, training = network.eval()(pictures), network.train()(pictures)
    for a, b, c in zip(before.levels, after.levels, training.levels, strict=True):
        assert torch.allclose(a, b, atol=1e-2)
        assert torch.allclose(b, c, atol=0.1)


def test_statistics_of_batches_of_several_shapes_change_no_answer_either(model: Path) -> None:
    network = GridNetwork(SHAPE)
    network.load_state_dict(read_weights(model, network)[1])
    pictures = frames(32)
    inputs: list[torch.Tensor] = []
    norm = next(layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    hook = norm.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    with torch.no_grad():
        before = network.eval()(pictures)
        inputs.clear()
        set_apart(network, pictures[:16, :32], pictures[16:, :, :32])
        hook.remove()
        after = network.eval()(pictures)
    for a, b in zip(before.levels, after.levels, strict=True):
        assert torch.allclose(a, b, atol=1e-2)
    every = torch.cat([x.flatten(2).movedim(1, 0).flatten(1) for x in inputs], dim=1)
    assert norm.running_mean is not None and norm.running_var is not None
    assert torch.allclose(norm.running_mean, every.mean(dim=1), rtol=1e-3)
    assert torch.allclose(norm.running_var, every.var(dim=1), rtol=1e-3)


def statistics(trainer: Trainer) -> torch.Tensor:
    norms = (one for one in trainer.network.modules() if isinstance(one, nn.BatchNorm2d))
    return torch.cat([torch.cat([one.running_mean, one.running_var]) for one in norms])  # type: ignore[list-item]


def test_statistics_are_those_of_the_pictures_to_train_on(model: Path) -> None:
    stage = replace(STAGES["charmander"], aspects=((1, 1), (2, 1), (1, 2)))
    cutouts = load_cutouts(CUTOUTS)[1]

    def begun(stage: Stage, size: int, part: float = 1) -> torch.Tensor:
        shape = replace(SHAPE, size=size)
        trainer = Trainer(Recipe(weights=str(model), picture_part=part), shape, LABELS)
        trainer.begin(picture_maker(stage, cutouts, [], size, seed=3))
        return statistics(trainer)

    mine = begun(stage, 256, 0.5)
    assert mine.equal(begun(stage, 128))
    for aspect in stage.aspects:
        assert not mine.equal(begun(replace(stage, aspects=(aspect,)), 128))


@pytest.mark.parametrize("ending", [".onnx", ".ONNX"])
def test_a_run_begins_with_a_model_file(tmp_path: Path, ending: str) -> None:
    shipped = tmp_path / f"shipped{ending}"
    shipped.write_bytes(resolve_model("pokemon-fp32").read_bytes())
    assert file_of_weights(str(shipped), own=True, depths=DEPTHS) == shipped
    maker = picture_maker(STAGES["charmander"], load_cutouts(CUTOUTS)[1], [], 128, seed=3)
    network = GridNetwork(NetworkShape(2, 128))
    begin_with(network, ("Squirtle", "Mug"), shipped, maker)
    known = read_weights(shipped, GridNetwork(NetworkShape(4, 384)))[1]
    theirs = FIRST_CLASS + list(read_model_info(shipped).labels).index("Squirtle")
    mine = network.state_dict()
    for level in range(3):
        name = f"cells.{level}.weight"
        assert torch.equal(mine[name][:FIRST_CLASS], known[name][:FIRST_CLASS])
        assert torch.equal(mine[name][FIRST_CLASS], known[name][theirs])
    assert torch.equal(mine["refinement.weights"], known["refinement.weights"])


def test_a_file_with_other_weights_is_refused(model: Path, tmp_path: Path) -> None:
    trainer = Trainer(Recipe(weights=str(resolve_model("pokemon"))), SHAPE, LABELS)
    with pytest.raises(TrainError, match=r"no float32 weights.*--precision fp32"):
        read_weights(resolve_model("pokemon"), trainer.network)
    with pytest.raises(TrainError, match=r"of another network.* --depths .*--weights none"):
        read_weights(model, GridNetwork(NetworkShape(3, 64, (8, 8, 8, 8), (0, 0, 0))))
    single = tmp_path / "single.onnx"
    export_onnx(SingleNetwork(SHAPE), Description(LABELS, 0.5, "charmander", {}), single)
    with pytest.raises(TrainError, match="the single head, not with the dense one"):
        read_weights(single, trainer.network)
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(np.random.default_rng(0).bytes(2000))
    with pytest.raises(TrainError, match=r"damaged\.onnx is no ONNX file"):
        read_weights(damaged, trainer.network)
