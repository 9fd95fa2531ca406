"""Weights of one run begin another, of the same classes or of others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from train.batches import GeneratedBatches
from train.checkpoint import save_checkpoint
from train.errors import TrainError
from train.generator import PictureMaker
from train.network import FIRST_CLASS, NetworkShape
from train.recipe import Recipe
from train.trainer import Trainer
from train.transfer import class_rows

SHAPE = NetworkShape(3, 64, (8, 8, 8, 8), (0, 0, 0))
LABELS = ("Bulbasaur", "Charmander", "Squirtle")
Begin = Callable[[Path, tuple[str, ...], NetworkShape], Trainer]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "best.pt"
    save_checkpoint(path, Trainer(Recipe(seed=1), SHAPE, LABELS).state())
    return path


@pytest.fixture
def begun(maker: PictureMaker) -> Begin:
    def begin(checkpoint: Path, labels: tuple[str, ...], shape: NetworkShape) -> Trainer:
        trainer = Trainer(Recipe(seed=2, weights=str(checkpoint)), shape, labels)
        trainer.begin(maker)
        return trainer

    return begin


def test_the_same_classes_begin_with_the_very_same_network(begun: Begin, checkpoint: Path) -> None:
    theirs = Trainer(Recipe(seed=1), SHAPE, LABELS).averaged.state_dict()
    trainer = begun(checkpoint, LABELS, SHAPE)
    for network in (trainer.network, trainer.averaged):
        mine = network.state_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_other_classes_keep_what_is_known_of_objects(begun: Begin, checkpoint: Path) -> None:
    labels = ("Squirtle", "Mug")
    trainer = begun(checkpoint, labels, NetworkShape(2, 64, SHAPE.widths, SHAPE.depths))
    own = Trainer(Recipe(seed=2), NetworkShape(2, 64, SHAPE.widths, SHAPE.depths), labels)
    theirs = Trainer(Recipe(seed=1), SHAPE, LABELS).averaged.state_dict()
    mine, random = trainer.network.state_dict(), own.network.state_dict()
    for name, weights in mine.items():
        if not name.startswith("cells."):
            assert torch.equal(weights, theirs[name]), name
        else:
            assert torch.equal(weights[:FIRST_CLASS], theirs[name][:FIRST_CLASS])
            assert torch.equal(weights[FIRST_CLASS], theirs[name][FIRST_CLASS + 2])  # Squirtle
            assert torch.equal(weights[FIRST_CLASS + 1], random[name][FIRST_CLASS + 1])  # the mug


def test_rows_that_neither_knows_stay() -> None:
    theirs, mine = torch.arange(7.0), -torch.arange(1.0, 8.0)
    rows = class_rows(theirs, mine, ("a", "b"), ("c", "a"))
    assert rows.tolist() == [0, 1, 2, 3, 4, -6, 5]


def test_a_deeper_network_begins_with_the_same_answers(
    begun: Begin, maker: PictureMaker, checkpoint: Path
) -> None:
    deeper = NetworkShape(3, 64, SHAPE.widths, (1, 2, 4))
    frames = torch.from_numpy(maker.make(0).image)[None]
    theirs = Trainer(Recipe(seed=1), SHAPE, LABELS).averaged.eval()
    mine = begun(checkpoint, LABELS, deeper)
    with torch.no_grad():
        before = theirs(frames)
        for network in (mine.network.eval(), mine.averaged.eval()):
            after = network(frames)
            for level, same in zip(after.levels, before.levels, strict=True):
                torch.testing.assert_close(level, same, atol=1e-3, rtol=1e-3)
            torch.testing.assert_close(after.features, before.features, atol=1e-3, rtol=1e-3)


def test_a_deeper_network_learns_in_its_further_layers(
    begun: Begin, maker: PictureMaker, checkpoint: Path
) -> None:
    trainer = begun(checkpoint, LABELS, NetworkShape(3, 64, SHAPE.widths, (1, 2, 4)))
    further = trainer.network.stage16[2][0].weight
    before = further.detach().clone()
    batch = GeneratedBatches(maker, 8)[0]
    trainer._learn(batch.frames, batch.targets)
    assert not torch.allclose(further, before)


def test_a_shallower_network_is_refused(begun: Begin, tmp_path: Path) -> None:
    path = tmp_path / "deep.pt"
    deep = NetworkShape(3, 64, SHAPE.widths, (1, 0, 0))
    save_checkpoint(path, Trainer(Recipe(), deep, LABELS).state())
    with pytest.raises(TrainError, match="of another network"):
        begun(path, LABELS, SHAPE)


def test_another_network_is_refused(begun: Begin, checkpoint: Path) -> None:
    with pytest.raises(TrainError, match=r"of another network.*--weights"):
        begun(checkpoint, LABELS, NetworkShape(3, 64, (8, 8, 8, 16), (0, 0, 0)))


def test_another_head_is_refused(begun: Begin, tmp_path: Path) -> None:
    path = tmp_path / "single.pt"
    save_checkpoint(path, Trainer(Recipe(head="single"), SHAPE, LABELS).state())
    with pytest.raises(TrainError, match=r"single\.pt is .* the single head, not with the dense"):
        begun(path, LABELS, SHAPE)


def test_a_missing_checkpoint_is_named(begun: Begin, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"no checkpoint at .*gone\.pt"):
        begun(tmp_path / "gone.pt", LABELS, SHAPE)
