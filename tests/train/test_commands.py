"""`rtloc train`, `rtloc eval` and `rtloc export`, called as a user does."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from engines.backends import open_backend
from engines.model_file import read_model_info
from rtloc.commands.export import command as export_command
from rtloc.commands.train import command as train_command
from rtloc.commands.train_options import Asked
from rtloc.commands.train_run import (
    file_of_weights,
    note_of_depths,
    recipe_of_options,
    resumed_measuring,
    resumed_recipe,
    usual_hard_part,
)
from rtloc.errors import RtlocError, UsageError
from train.checkpoint import load_checkpoint, save_checkpoint
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.errors import TrainError
from train.network import DEPTHS, NetworkShape
from train.recipe import Measuring, Recipe, picture_size
from train.stage_recipes import PLANS
from train.trainer import Trainer
from train.training_data import check_labels, generated_data

# one thread each: several that wait for one another starve where tests run side by side
ALONE = {"OMP_NUM_THREADS": "1"}
FEW = ("--batch-size", 4, "--held-out", 8, "--negatives", 8, "--workers", 0)
TINY = ("--size", 128, "--no-distractors", *FEW)  # which take ten seconds to load


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_model_is_trained_measured_and_exported(rtloc, fails, tmp_path: Path) -> None:
    train = ("train", *TINY, "--steps", 20, "--validate-every", 10, "-o", "new/tiny.onnx")
    done = rtloc(*train, **ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    first, second, settling, last = done.stderr.strip().splitlines()
    assert first.startswith("step 10: loss ")
    assert second.startswith("step 20: loss ")
    assert "settling the threshold" in settling
    assert last.startswith("new/tiny.onnx: mAP@50 ")
    run = {f"runs/tiny/{name}" for name in ("last.pt", "best.pt", "log.csv", "curves.png")}
    assert files(tmp_path) == {*run, "new/tiny.onnx"}
    assert load_checkpoint(tmp_path / "runs/tiny/last.pt")["step"] == 20
    info = read_model_info(tmp_path / "new/tiny.onnx")
    assert info.labels == ("Bulbasaur", "Charmander", "Pikachu", "Squirtle")
    assert (info.input_size, info.stage) == (128, "many-objects")
    backend, _ = open_backend(info)
    assert backend.infer(np.zeros((1, 96, 128, 3), np.uint8)).boxes.shape == (1, 50, 4)

    done = rtloc("eval", "new/tiny.onnx", "--count", 12, "--json", **ALONE)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)

    done = rtloc("export", "runs/tiny/best.pt", "-o", "again.onnx", **ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("again.onnx: mAP@50 ")
    trained, again = (tmp_path / name for name in ("new/tiny.onnx", "again.onnx"))
    assert "has not ended" not in done.stderr
    assert trained.read_bytes() == again.read_bytes()

    for out in ("half.onnx", "half-fp16.onnx"):
        done = rtloc("export", "runs/tiny/best.pt", "--precision", "fp16", "-o", out, **ALONE)
        assert done.returncode == 0, done.stderr
        assert read_model_info(tmp_path / out).precision == "fp16"
        twin = tmp_path / "half-fp32.onnx"
        assert twin.read_bytes() == trained.read_bytes()
        twin.unlink()

    done = rtloc("export", "runs/tiny/best.pt", "--precision", "int8", "-o", "int8.onnx", **ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("int8.onnx: mAP@50 ")
    small = read_model_info(tmp_path / "int8.onnx")
    assert (small.precision, small.labels, small.input_size) == ("int8", info.labels, 128)
    assert small.stage == "many-objects"
    assert (tmp_path / "int8.onnx").stat().st_size < 0.4 * again.stat().st_size

    line = fails(2, *train, **ALONE)
    assert "runs/tiny holds a run already; add --resume" in line


def stop_at_5(folder: Path, kind: signal.Signals) -> tuple[object, ...]:
    """Train in runs/tiny without an end, stop it behind the fifth step, return the command."""
    train = ("train", *TINY[:-1], 1, "-o", "tiny.onnx")
    endless = (*train, "--steps", 100_000, "--validate-every", 5, "--stage", "any-size")
    process = subprocess.Popen(
        [sys.executable, "-m", "rtloc", *map(str, endless)],
        cwd=folder,
        env={**os.environ, **ALONE},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("step 5: ")
    os.killpg(process.pid, kind)  # as a terminal does: to the worker too
    *rest, empty, told, stopped = process.stderr.read().splitlines()
    assert process.wait(timeout=30) == 130
    assert (empty, stopped) == ("", "rtloc: stopped")
    assert told == "runs/tiny has what was learnt; with --resume as well, the same command goes on"
    assert all(line.startswith("step ") for line in rest), rest
    assert files(folder / "runs/tiny") == {"last.pt", "best.pt", "log.csv", "curves.png"}
    return train


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_service_that_is_stopped_keeps_what_was_learnt(tmp_path: Path, name: str) -> None:
    stop_at_5(tmp_path, getattr(signal, name))
    assert load_checkpoint(tmp_path / "runs/tiny/last.pt")["step"] >= 5
    options = [str(tmp_path / "runs/tiny/best.pt"), "-o", str(tmp_path / "tiny.onnx")]
    done = CliRunner().invoke(export_command, options)
    assert done.exit_code == 0
    assert "its threshold is one of a run that has not ended" in done.stderr


def test_ctrl_c_keeps_what_was_learnt_and_resume_goes_on(rtloc, tmp_path: Path) -> None:
    train = stop_at_5(tmp_path, signal.SIGINT)
    state = load_checkpoint(tmp_path / "runs/tiny/last.pt")
    assert 5 <= state["step"] < 100_000
    # so few steps are left that it ends; what else decides the result is in the checkpoint
    steps = state["step"] + 3
    state["recipe"]["steps"] = steps
    save_checkpoint(tmp_path / "runs/tiny/last.pt", state)
    done = rtloc(*train, "--resume", "--seed", 5, **ALONE)
    assert done.returncode == 2
    assert "was begun with seed 0, not 5; leave out --seed" in done.stderr
    done = rtloc(*train, "--resume", "--depths", 2, 0, 3, **ALONE)
    assert done.returncode == 2
    assert "begun with depths (3, 2, 5), not (2, 0, 3); leave out --depths" in done.stderr
    done = rtloc(*train, "--resume", "--picture-size", 160, **ALONE)
    assert done.returncode == 2
    assert "begun with picture_size 128, not 160; leave out --picture-size" in done.stderr
    done = rtloc(*train, "--resume", "--input-size", 160, **ALONE)
    assert done.returncode == 2
    assert "begun with input_size 128, not 160; leave out --input-size" in done.stderr
    few = ("--held-out", "--negatives")
    plain = [one for n, one in enumerate(train) if not {one, train[n - 1]} & {*few}]
    done = rtloc(*plain, "--stage", "any-size", "--resume", **ALONE)
    assert done.returncode == 0, done.stderr
    assert f"step {steps}: " in done.stderr
    measuring = load_checkpoint(tmp_path / "runs/tiny/last.pt")["measuring"]
    assert measuring == {"validate_every": 5, "held_out": 8, "negatives": 8}
    assert read_model_info(tmp_path / "tiny.onnx").stage == "any-size"


def test_a_resumed_run_is_measured_as_it_was_but_for_what_is_given() -> None:
    def resumed(*given: str, own: Measuring | None) -> Measuring:
        context = train_command.make_context("train", list(given))
        options = context.params
        asked = Measuring(*(options[field.name] for field in fields(Measuring)))
        return resumed_measuring(context, asked, own)

    own = Measuring(validate_every=5, held_out=10, negatives=20)
    assert resumed("--resume", own=own) == own
    assert resumed("--resume", "--held-out", "500", own=own) == replace(own, held_out=500)
    assert resumed("--resume", "--negatives", "3", own=None) == Measuring(negatives=3)


def test_a_resumed_run_finds_folders_that_were_moved(tmp_path: Path) -> None:
    def resumed(own: Recipe, *given: str) -> Recipe:
        context = train_command.make_context("train", ["--resume", *given])
        asked = recipe_of_options(Asked(**context.params), PLANS["dense"]["many-objects"])
        shape = NetworkShape(1, 128, widths=(4, 8, 8, 8), depths=(0, 0, 0))
        return resumed_recipe(context, asked, 128, DEPTHS, Trainer(own, shape, ("mug",)))

    here, gone = tmp_path / "here", tmp_path / "gone"
    here.mkdir()
    own = Recipe(cutouts=str(gone), labelled=str(gone / "set.json"))
    assert resumed(own) == own
    given = ("--cutouts", str(here), "--labelled", str(here), "--labelled-part", "0.5")
    assert resumed(own, *given) == replace(own, cutouts=str(here), labelled=str(here))
    for other in (replace(own, cutouts=str(here)), Recipe()):
        with pytest.raises(UsageError, match=r"was begun with cutouts .* leave out --cutouts"):
            resumed(other, "--cutouts", str(tmp_path))
    with pytest.raises(UsageError, match="was begun with photos rtloc:photos, not "):
        resumed(own, "--backgrounds", str(here))
    with pytest.raises(UsageError, match=r"was begun with distractors .*gone, not None"):
        resumed(replace(own, distractors=str(gone)), "--no-distractors")


def test_pictures_may_be_smaller_than_the_input(rtloc, tmp_path: Path) -> None:
    sizes = ("--input-size", 192, "--picture-size", 160)
    tiny = (*sizes, *TINY[2:], "--steps", 1, "--validate-every", 1)
    done = rtloc("train", *tiny, "-o", "tiny.onnx", **ALONE)
    assert done.returncode == 0, done.stderr
    assert read_model_info(tmp_path / "tiny.onnx").input_size == 192
    recipe = Recipe(**load_checkpoint(tmp_path / "runs/tiny/last.pt")["recipe"])
    assert picture_size(recipe, 192) == 160


def test_objects_may_look_as_their_cutouts_do(rtloc, fails, tmp_path: Path) -> None:
    train = ("train", *TINY, "--steps", 1, "--validate-every", 1, "-o", "tiny.onnx")
    done = rtloc(*train, "--variety", 0, "--no-mirror", **ALONE)
    assert done.returncode == 0, done.stderr
    recipe = Recipe(**load_checkpoint(tmp_path / "runs/tiny/last.pt")["recipe"])
    assert recipe.variety == 0
    varied, plain = (generated_data(one, 128) for one in (Recipe(), recipe))
    stage = varied.training.stage
    assert stage.p_bend == stage.p_recolour == stage.p_restyle == Recipe().variety > 0
    assert plain.training.stage == replace(stage, p_bend=0, p_recolour=0, p_restyle=0, p_flip=0)
    assert plain.held_out.stage == replace(varied.held_out.stage, p_flip=0)
    line = fails(2, *train, "--variety", 0.3, "--resume")
    assert "the run was begun with variety 0.0, not 0.3; leave out --variety" in line
    (tmp_path / "tiny.onnx").unlink()
    done = rtloc(*train, "--resume", **ALONE)  # is measured as it was begun
    assert done.returncode == 0, done.stderr


def test_a_part_of_the_pictures_may_be_hard_ones(rtloc, fails, tmp_path: Path) -> None:
    tiny = (*TINY, "--steps", 1, "--validate-every", 1, "--hard-part", 0.5)
    done = rtloc("train", *tiny, "-o", "tiny.onnx", **ALONE)
    assert done.returncode == 0, done.stderr
    state = load_checkpoint(tmp_path / "runs/tiny/last.pt")
    assert state["recipe"]["hard_part"] == 0.5
    assert state["hard"]["searched"] > 0
    on_black = ("--stage", "charmander", "-o", "black.onnx")
    assert "leave out --hard-part" in fails(1, "train", *tiny, *on_black)


def test_a_smaller_network_is_trained_and_grown(rtloc, tmp_path: Path) -> None:
    train = ("train", *TINY, "--steps", 2, "--validate-every", 2)
    own = ("--cutouts", CUTOUTS)  # which would begin with the shipped model's weights
    done = rtloc(*train, *own, "--depths", 1, 0, 1, "-o", "small.onnx", **ALONE)
    assert done.returncode == 0, done.stderr
    assert "a network of such --depths begins with random weights" in done.stderr
    assert load_checkpoint(tmp_path / "runs/small/best.pt")["shape"]["depths"] == (1, 0, 1)
    weights = ("--weights", "runs/small/best.pt")
    done = rtloc(*train, *weights, "--depths", 2, 1, 2, "-o", "grown.onnx", **ALONE)
    assert done.returncode == 0, done.stderr
    small, grown = (tmp_path / f"{name}.onnx" for name in ("small", "grown"))
    assert small.stat().st_size < grown.stat().st_size


def test_a_run_begins_with_the_shipped_model(rtloc, fails, tmp_path: Path) -> None:
    train = ("train", *TINY, "--steps", 2, "--validate-every", 2, "-o", "tiny.onnx")
    done = rtloc(*train, "--weights", "pokemon", **ALONE)
    assert done.returncode == 0, done.stderr
    state = load_checkpoint(tmp_path / "runs/tiny/last.pt")
    assert Path(state["recipe"]["weights"]).name == "pokemon-fp32.onnx"
    begun = load_checkpoint(tmp_path / "runs/tiny/best.pt")["averaged"]["refinement.weights"]
    assert begun.abs().max() > 0.01  # a new one is all 0, and two steps move it by less
    assert "no model 'moon'" in fails(2, *train, "--weights", "moon", "--run", "other")


def test_classes_of_ones_own_begin_with_the_shipped_model_where_it_fits() -> None:
    shipped = file_of_weights(None, own=True, depths=DEPTHS)
    assert shipped is not None
    assert shipped.name == "pokemon-fp32.onnx"
    assert note_of_depths(None, own=True, depths=DEPTHS) is None
    assert file_of_weights(None, own=True, depths=(2, 2, 2)) is None
    assert file_of_weights("pokemon", own=True, depths=(2, 2, 2)) == shipped
    assert note_of_depths("pokemon", own=True, depths=(2, 2, 2)) is None
    assert file_of_weights(None, own=False, depths=DEPTHS) is None


def test_long_runs_from_weights_have_hard_pictures_where_there_are_any() -> None:
    long = Recipe(weights="pokemon", steps=3000)
    half = replace(long, labelled="set", labelled_part=0.5)
    assert usual_hard_part(long) == 0.25
    assert usual_hard_part(half) == 0.25
    assert usual_hard_part(replace(long, steps=400)) == 0
    assert usual_hard_part(replace(long, weights=None)) == 0
    assert usual_hard_part(replace(half, labelled_part=1)) == 0
    assert usual_hard_part(replace(long, stage="charmander")) == 0
    assert usual_hard_part(replace(long, batch_size=2)) == 0
    assert usual_hard_part(replace(long, batch_size=3)) == 0.25


def test_what_cannot_be_trained_on_is_named(fails, tmp_path: Path) -> None:
    missing = fails(1, "train", "--cutouts", "cats")
    assert f"no folder of cut-outs at {tmp_path / 'cats'}; " in missing
    photos = tmp_path / "photos"
    photos.mkdir()
    cv2.imwrite(str(photos / "a.png"), np.zeros((80, 80, 3), np.uint8))
    few = fails(1, "train", "--backgrounds", "photos")
    assert f"one photo in {photos} is too few" in few
    assert files(tmp_path) == {"photos/a.png"}


@pytest.mark.parametrize("part", [0.01, 0.5, 0.6, 0.9, 0.99])
def test_a_damaged_cutout_is_told_in_one_line(part: float, fails, tmp_path: Path) -> None:
    # OpenCV or libpng would tell of a file cut short in a line of its own
    (tmp_path / "cutouts/cat").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 4)).astype(np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    (tmp_path / "cutouts/cat/a.png").write_bytes(data[: round(part * len(data))])
    line = fails(1, "train", "--cutouts", "cutouts")
    assert "cutouts/cat/a.png as a picture: it is damaged, or" in line


def test_a_damaged_background_is_told_in_one_line(fails, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    data = cv2.imencode(".png", noise)[1].tobytes()
    (tmp_path / "photos/a.png").write_bytes(data[: round(0.6 * len(data))])
    assert "photos/a.png as a picture" in fails(1, "train", "--backgrounds", "photos")


def test_wrong_options_are_refused(fails) -> None:
    for spelling in ("--input-size", "--size"):
        line = fails(2, "train", spelling, 200)
        assert "'--input-size' / '--size': 200 is not a multiple of 32" in line
    assert "'moon' is not one of" in fails(2, "train", "--stage", "moon")
    all_labelled = ("--cutouts", "c", "--labelled-part", 1)
    for given in (("--backgrounds", "b"), ("--variety", 0), all_labelled):
        line = fails(2, "train", "--labelled", "set.json", *given)
        assert f"{given[0]} is for generated pictures, and all are of the labelled set" in line
    for command in (("train",), ("synth", "set")):
        line = fails(2, *command, "--stage", "white-box", "--cutouts", "c")
        assert "the stage white-box has no cut-outs" in line
        line = fails(2, *command, "--stage", "any-size", "--backgrounds", "b")
        assert "the stage any-size pastes on black; leave out --backgrounds" in line
        line = fails(2, *command, "--stage", "maybe-absent", "--variety", 0.5)
        assert "the stage maybe-absent shows its objects as they are; leave out --variety" in line
        line = fails(2, *command, "--stage", "any-size", "--no-mirror")
        assert "the stage any-size shows its objects as they are; leave out --no-mirror" in line
    line = fails(2, "synth", "set", "--held-out", "--variety", 0.5)
    assert "--variety is of pictures to train on; leave it out, or --held-out" in line
    line = fails(2, "train", "--plain-loss", "--giou-weight", 2)
    assert "--plain-loss has no GIoU terms; leave out --giou-weight" in line


@pytest.mark.parametrize(
    ("option", "value"),
    [("--learning-rate", "nan"), ("--learning-rate", "0"), ("--seed", "9223372036854775808")],
)
def test_numbers_that_training_cannot_use_are_refused(option: str, value: str) -> None:
    done = CliRunner().invoke(train_command, [option, value])
    assert done.exit_code == 2
    assert option in done.output


def test_the_size_of_the_input_is_spelled_as_elsewhere_and_as_before(rtloc) -> None:
    assert "--input-size, --size " in rtloc("train", "--help").stdout
    told = {one.name: one.opts for one in train_command.params}
    assert told["input_size"] == ["--input-size", "--size"]


def test_there_must_be_a_run_to_resume_or_export(fails) -> None:
    assert "no checkpoint at runs/model/last.pt" in fails(1, "train", "--resume")
    assert "no checkpoint at best.pt" in fails(1, "export", "best.pt")


def test_a_model_that_nobody_named_is_not_written_over(fails, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"mine")
    for command in (("export", "best.pt"), ("train", "--run", "runs/other")):
        assert "model.onnx is there already; name a file with -o" in fails(2, *command)
    assert "no checkpoint" in fails(1, "export", "best.pt", "-o", "model.onnx")
    assert "no checkpoint" in fails(1, "train", "--resume")
    assert files(tmp_path) == {"model.onnx"}


def test_a_model_is_not_exported_over_its_checkpoint(fails, tmp_path: Path) -> None:
    for name, said in (("best.pt", "must end in .onnx"), ("best.onnx", "best.onnx itself")):
        (tmp_path / name).write_bytes(b"a run")
        assert said in fails(2, "export", name, "-o", f"./{name}")
        assert (tmp_path / name).read_bytes() == b"a run"


def test_a_run_never_validated_is_named_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    shape = NetworkShape(4, 128, widths=(4, 8, 8, 8), depths=(0, 0, 0))
    save_checkpoint(path, Trainer(Recipe(), shape, ("a", "b", "c", "d")).state())
    options = [str(path), "-o", str(tmp_path / "a.onnx"), "--precision", "int8"]
    for more in ([], ["--input-size", "160"]):
        done = CliRunner().invoke(export_command, [*options, *more])
        assert isinstance(done.exception, TrainError)
        assert str(done.exception).startswith(f"{path} was never validated")


def test_a_set_of_other_labels_is_named(tmp_path: Path) -> None:
    data = load_data_set(
        "many-objects", CUTOUTS, PHOTOS, 64, seed=0, distractors=None, labels=["Pikachu"]
    )
    check_labels(data, Recipe(), ["Pikachu"])
    for recipe, source in (
        (Recipe(cutouts="cats"), "cats"),
        (Recipe(cutouts="cats", labelled="set.json"), "set.json"),
    ):
        with pytest.raises(TrainError, match=f"^{source} now holds Pikachu; the run knows a, b$"):
            check_labels(data, recipe, ["a", "b"])


def test_a_place_that_cannot_be_written_is_found_out_before_training(tmp_path: Path) -> None:
    done = CliRunner().invoke(train_command, ["-o", str(tmp_path), "--run", str(tmp_path / "run")])
    assert isinstance(done.exception, UsageError)
    assert "must end in .onnx" in str(done.exception)
    (tmp_path / "a.onnx").mkdir()
    (tmp_path / "file").write_text("mine", "utf-8")
    for place, run, says in (
        ("a.onnx", "run", "is a folder; name a file to write"),
        ("b.onnx", "file/run", r"cannot write in .*file/run: Not a directory; .* --run"),
    ):
        options = ["-o", str(tmp_path / place), "--run", str(tmp_path / run)]
        done = CliRunner().invoke(train_command, options)
        assert isinstance(done.exception, TrainError | RtlocError)
        assert re.search(says, str(done.exception))
    assert files(tmp_path) == {"file"}
