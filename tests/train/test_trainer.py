"""The training loop: it learns, stops, goes on, and says when it cannot."""

from __future__ import annotations

import csv
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from train import trainer as trainer_module
from train.checkpoint import load_checkpoint, save_checkpoint
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.errors import TrainError
from train.generator import PictureMaker, picture_maker
from train.loss import REFINED_WEIGHT
from train.network import NetworkShape
from train.recipe import Measuring, Recipe, picture_size
from train.stages import STAGES
from train.trained import averaged_network
from train.trainer import Progress, Trainer, resume

SHAPE = NetworkShape(3, 64, (8, 8, 8, 8), (0, 0, 0))
LABELS = ("Bulbasaur", "Charmander", "Squirtle")
RECIPE = Recipe(
    stage="charmander", steps=12, batch_size=4, warmup_steps=3, learning_rate=5e-3, seed=3
)


@pytest.fixture(scope="module")
def validation(maker: PictureMaker) -> list:
    other = replace(maker, seed=99)
    return [other.make(n) for n in range(4)]


def nothing(progress: Progress) -> None:
    pass


def weights(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in module.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[name].equal(b[name]) for name in a)


def test_the_loss_falls(maker: PictureMaker, validation: list, tmp_path: Path) -> None:
    losses: list[float] = []
    # an objectness that should be the IoU is asked for more as the boxes get better
    recipe = replace(RECIPE, steps=40, batch_size=8, iou_objectness=False)
    trainer = Trainer(recipe, SHAPE, LABELS)
    trainer.train(
        maker,
        validation,
        tmp_path,
        lambda progress: losses.append(progress.loss.total.item()),
        workers=0,
    )
    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:5])


def test_the_same_recipe_gives_the_same_weights(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    runs = []
    for workers in (0, 1):
        trainer = Trainer(RECIPE, SHAPE, LABELS)
        trainer.train(maker, validation, tmp_path / str(workers), nothing, workers=workers)
        runs.append(weights(trainer.network))
    assert same(*runs)
    other = Trainer(replace(RECIPE, seed=4), SHAPE, LABELS)
    assert not same(runs[0], weights(other.network))


def test_an_interrupted_run_goes_on_as_if_it_had_never_stopped(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    whole = Trainer(RECIPE, SHAPE, LABELS)
    whole.train(maker, validation, tmp_path / "whole", nothing, workers=0, validate_every=4)

    def stop_at_5(progress: Progress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    first = Trainer(RECIPE, SHAPE, LABELS)
    folder = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        first.train(maker, validation, folder, stop_at_5, workers=0, validate_every=4)
    assert load_checkpoint(folder / "last.pt")["step"] == 5
    second = resume(folder / "last.pt")
    assert (second.step, second.recipe, second.labels) == (5, RECIPE, LABELS)
    steps: list[int] = []
    second.train(
        maker, validation, folder, lambda p: steps.append(p.step), workers=0, validate_every=4
    )
    assert steps == list(range(6, 13))
    assert same(weights(whole.network), weights(second.network))
    assert same(weights(whole.averaged), weights(second.averaged))
    ends = [load_checkpoint(tmp_path / run / "last.pt") for run in ("whole", "parts")]
    for theirs in zip(*(end["optimizers"] for end in ends), strict=True):
        for moments in zip(*(optimizer["state"].values() for optimizer in theirs), strict=True):
            assert same(*moments)
    for key in ("step", "best_map", "figures"):
        assert ends[0][key] == ends[1][key]


def test_a_network_may_learn_from_smaller_pictures_than_it_is_for(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    recipe = replace(RECIPE, steps=2, small_part=0.5, picture_part=0.75)
    assert picture_size(recipe, 384) == 288
    assert picture_size(RECIPE, 64) == 64
    trainer = Trainer(recipe, replace(SHAPE, size=256), LABELS)
    sizes: list[int] = []
    trainer.network.register_forward_pre_hook(lambda _, given: sizes.append(max(given[0].shape)))
    trainer.train(replace(maker, size=256), validation, tmp_path, nothing, workers=0)
    assert sizes == [128, 192]


def test_a_run_that_is_over_is_left_as_it_is(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    trainer = Trainer(replace(RECIPE, steps=2), SHAPE, LABELS)
    trainer.train(maker, validation, tmp_path, nothing, workers=0)
    again = resume(tmp_path / "last.pt")
    before = weights(again.network)
    again.train(maker, validation, tmp_path, pytest.fail, workers=0)
    assert same(before, weights(again.network))
    assert (tmp_path / "best.pt").is_file()


def test_the_log_has_a_line_a_validation_and_one_header(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    for steps in (4, 8):  # the second goes on in the same folder
        trainer = resume(tmp_path / "last.pt") if steps == 8 else Trainer(RECIPE, SHAPE, LABELS)
        trainer.recipe = replace(RECIPE, steps=steps)
        trainer.train(maker, validation, tmp_path, nothing, workers=0, validate_every=2)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    for row in rows:
        parts = sum(float(row[name]) for name in ("objectness", "box", "classes"))
        parts += RECIPE.giou_weight * float(row["giou"])
        parts += REFINED_WEIGHT * RECIPE.giou_weight * float(row["refined"])
        assert float(row["total"]) == pytest.approx(parts, abs=1e-3)
        assert 0 <= float(row["map50_95"]) <= float(row["map50"]) <= 1


def test_progress_tells_steps_speed_and_figures(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    trainer = Trainer(replace(RECIPE, steps=5), SHAPE, LABELS)
    trainer.train(maker, validation, tmp_path, seen.append, workers=0, validate_every=3)
    assert [p.step for p in seen] == [1, 2, 3, 4, 5]
    assert [p.figures is not None for p in seen] == [False, False, True, False, True]
    assert all(p.steps == 5 and p.pictures_per_s > 0 for p in seen)


def test_the_best_weights_are_kept(maker: PictureMaker, validation: list, tmp_path: Path) -> None:
    trainer = Trainer(replace(RECIPE, steps=2), SHAPE, LABELS)
    trainer.best_map = 0.001  # nothing is as good as this after two steps
    trainer.train(maker, validation, tmp_path, nothing, workers=0, validate_every=1)
    assert trainer.figures is not None
    assert trainer.figures.map50_95 == 0
    assert not (tmp_path / "best.pt").exists()
    trainer = Trainer(replace(RECIPE, steps=2), SHAPE, LABELS)
    trainer.train(maker, validation, tmp_path, nothing, workers=0, validate_every=1)
    best = load_checkpoint(tmp_path / "best.pt")
    assert (best["step"], best["best_map"]) == (2, 0.0)  # the last of equally good ones


def test_a_resumed_run_is_measured_as_before_or_afresh(tmp_path: Path) -> None:
    trainer = Trainer(RECIPE, SHAPE, LABELS)
    trainer.best_map = 0.5
    trainer.measure_by(Measuring(held_out=10))
    save_checkpoint(tmp_path / "last.pt", trainer.state())
    again = resume(tmp_path / "last.pt")
    assert again.measuring == Measuring(held_out=10)
    again.measure_by(Measuring(held_out=10, validate_every=7))
    assert again.best_map == 0.5
    again.measure_by(Measuring(held_out=3))  # of which no figure can be compared with the best
    assert again.best_map < 0
    state = trainer.state()
    del state["measuring"]
    save_checkpoint(tmp_path / "old.pt", state)
    old = resume(tmp_path / "old.pt")
    old.measure_by(Measuring(held_out=3))
    assert old.best_map == 0.5


def test_a_run_that_may_be_killed_is_saved_now_and_then(
    maker: PictureMaker, validation: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.trainer.SAVE_EVERY_S", -1)
    saved = []

    def kept(progress: Progress) -> None:
        saved.append(load_checkpoint(tmp_path / "last.pt")["step"])

    Trainer(RECIPE, SHAPE, LABELS).train(maker, validation, tmp_path, kept, workers=0)
    assert saved == list(range(1, RECIPE.steps + 1))


@pytest.mark.parametrize("at", [(4, "evaluate"), (12, "evaluate"), (12, "save_checkpoint")])
def test_what_was_stopped_in_a_validation_is_validated_when_it_goes_on(
    maker: PictureMaker,
    validation: list,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: tuple[int, str],
) -> None:
    stopped_at, where = at
    done = {"workers": 0, "validate_every": 2}
    Trainer(RECIPE, SHAPE, LABELS).train(maker, validation, tmp_path / "whole", nothing, **done)
    trainer = Trainer(RECIPE, SHAPE, LABELS)
    usual = getattr(trainer_module, where)

    def stop(*given: object) -> object:
        is_saved = where == "save_checkpoint" and Path(str(given[0])).name != "best.pt"
        if trainer.step == stopped_at and not is_saved:
            monkeypatch.setattr(trainer_module, where, usual)
            raise KeyboardInterrupt
        return usual(*given)

    monkeypatch.setattr(trainer_module, where, stop)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(maker, validation, tmp_path / "parts", nothing, **done)
    resumed = resume(tmp_path / "parts/last.pt")
    assert resumed.step == stopped_at
    resumed.train(maker, validation, tmp_path / "parts", nothing, **done)
    whole, parts = (load_checkpoint(tmp_path / f / "best.pt") for f in ("whole", "parts"))
    assert (whole["step"], whole["best_map"]) == (parts["step"], parts["best_map"])


def test_ctrl_c_pressed_twice_in_a_step_waits_for_its_end(
    maker: PictureMaker, validation: list, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Trainer(RECIPE, SHAPE, LABELS)
    whole.train(maker, validation, tmp_path / "whole", nothing, workers=0)
    stopped = Trainer(RECIPE, SHAPE, LABELS)
    adamw = stopped.optimizers[1]
    step = adamw.step

    def pressed_twice() -> None:
        if stopped.step == 3:  # when Muon has moved its weights already
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        step()

    monkeypatch.setattr(adamw, "step", pressed_twice)
    with pytest.raises(KeyboardInterrupt):
        stopped.train(maker, validation, tmp_path / "parts", nothing, workers=0)
    resumed = resume(tmp_path / "parts/last.pt")
    assert resumed.step == 4
    resumed.train(maker, validation, tmp_path / "parts", nothing, workers=0)
    theirs = resumed.network.state_dict()
    assert all(theirs[name].equal(value) for name, value in whole.network.state_dict().items())


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_what_was_good(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    good = Trainer(replace(RECIPE, steps=2), SHAPE, LABELS)
    good.train(maker, validation, tmp_path, nothing, workers=0)
    before = (tmp_path / "last.pt").read_bytes()
    wild = replace(RECIPE, steps=50, learning_rate=1e30, warmup_steps=0)
    with pytest.raises(TrainError, match="train again with a lower --learning-rate") as caught:
        Trainer(wild, SHAPE, LABELS).train(maker, validation, tmp_path, nothing, workers=0)
    assert str(caught.value).startswith(("the loss is nan at step", "the loss is inf at step"))
    assert (tmp_path / "last.pt").read_bytes() == before
    with pytest.raises(TrainError):
        Trainer(wild, SHAPE, LABELS).train(maker, validation, tmp_path / "new", nothing, workers=0)
    assert not (tmp_path / "new/last.pt").exists()


def test_a_log_that_cannot_be_written_ends_the_run_but_its_weights_are_kept(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    trainer = Trainer(replace(RECIPE, steps=2), SHAPE, LABELS)

    def nothing_can_be_logged(_: object) -> None:
        (tmp_path / "log.csv").unlink()
        (tmp_path / "log.csv").mkdir()

    with pytest.raises(TrainError, match=r"cannot write .*log\.csv"):
        trainer.train(
            maker, validation, tmp_path, nothing_can_be_logged, workers=0, validate_every=1
        )
    assert load_checkpoint(tmp_path / "last.pt")["step"] == 2


def test_a_run_cannot_be_kept_where_a_file_is(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    file = tmp_path / "run"
    file.touch()
    with pytest.raises(TrainError, match="cannot make the folder"):
        Trainer(RECIPE, SHAPE, LABELS).train(maker, validation, file, nothing, workers=0)


def test_validation_pictures_without_objects_still_leave_a_best_checkpoint(
    maker: PictureMaker, tmp_path: Path
) -> None:
    absent = replace(STAGES["charmander"], p_absent=1.0)
    cutouts = load_cutouts(CUTOUTS)[1]
    empty = [picture_maker(absent, cutouts, [], 64, seed=0).make(n) for n in range(2)]
    trainer = Trainer(replace(RECIPE, steps=3), SHAPE, LABELS)
    trainer.train(maker, empty, tmp_path, nothing, workers=0, validate_every=1)
    best = load_checkpoint(tmp_path / "best.pt")
    assert (best["step"], best["best_map"]) == (3, 0)  # none is better than what has learnt most


def test_the_curve_of_a_resumed_run_is_that_of_a_whole_one(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    def stop_at_7(progress: Progress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    Trainer(RECIPE, SHAPE, LABELS).train(
        maker, validation, tmp_path / "whole", nothing, workers=0, validate_every=2
    )
    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        Trainer(RECIPE, SHAPE, LABELS).train(
            maker, validation, parts, stop_at_7, workers=0, validate_every=2
        )
    resume(parts / "last.pt").train(maker, validation, parts, nothing, workers=0, validate_every=2)
    curves = []
    for folder in ("whole", "parts"):
        with (tmp_path / folder / "log.csv").open(newline="") as file:
            curves.append([{**row, "pictures_per_s": ""} for row in csv.DictReader(file)])
        picture = (tmp_path / folder / "curves.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
    assert len(curves[0]) == 6
    assert curves[0] == curves[1]


def test_a_killed_run_that_goes_on_has_each_line_of_its_log_once(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    def keep_at_5(progress: Progress) -> None:
        if progress.step == 5:  # so the last validation was at 4
            shutil.copy(tmp_path / "last.pt", tmp_path / "kept.pt")

    def log() -> list[dict[str, str]]:
        with (tmp_path / "log.csv").open(newline="") as file:
            return [{**row, "pictures_per_s": ""} for row in csv.DictReader(file)]

    Trainer(RECIPE, SHAPE, LABELS).train(
        maker, validation, tmp_path, keep_at_5, workers=0, validate_every=2
    )
    whole = log()
    again = resume(tmp_path / "kept.pt")
    assert again.step == 4
    again.train(maker, validation, tmp_path, nothing, workers=0, validate_every=2)
    assert log() == whole
    assert len(whole) == 6


def test_a_checkpoint_of_another_network_is_refused(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    trainer = Trainer(replace(RECIPE, steps=1), SHAPE, LABELS)
    trainer.train(maker, validation, tmp_path, nothing, workers=0)
    state = load_checkpoint(tmp_path / "last.pt")
    for weights in (state["network"], state["averaged"]):
        weights["head.weight"] = weights.pop("cells.0.weight")
    save_checkpoint(tmp_path / "old.pt", state)
    for load in (lambda: resume(tmp_path / "old.pt"), lambda: averaged_network(state)):
        with pytest.raises(TrainError, match="this version of rtloc does not have; train again"):
            load()


def test_a_checkpoint_of_another_optimizer_is_refused(
    maker: PictureMaker, validation: list, tmp_path: Path
) -> None:
    trainer = Trainer(replace(RECIPE, steps=1), SHAPE, LABELS)
    trainer.train(maker, validation, tmp_path, nothing, workers=0)
    state = load_checkpoint(tmp_path / "last.pt")
    state["optimizer"] = state.pop("optimizers")[1]
    save_checkpoint(tmp_path / "old.pt", state)
    with pytest.raises(TrainError, match="another optimizer; train again"):
        resume(tmp_path / "old.pt")
