"""`rtloc stages`: the table, going on after a stop, what each stage and head is trained by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from full_disk import full_disk

from rtloc.commands.stages import write_sheet
from rtloc.errors import RtlocError
from train.checkpoint import load_checkpoint
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.errors import TrainError
from train.figures import Figures
from train.single_loss import PULL
from train.stage_recipes import PLANS, STARTERS, TARGETS, Plan
from train.stage_runs import StageRun, run_stage, with_absent
from train.stage_table import (
    HEADER,
    Result,
    plain,
    read_results,
    result_of,
    table,
    with_result,
    write_results,
)
from train.stages import STAGES
from train.trainer import Progress
from train.training_data import generated_data

ALONE = {"OMP_NUM_THREADS": "1"}
TINY = ("--steps-scale", 0.001, "--count", 6, "--workers", 0)
TWO = ("stages", "--only", "maybe-absent", "--only", "white-box")
PLAN = Plan(size=64, steps=4, batch_size=4)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows_of(text: str) -> list[list[str]]:
    return [cells(line) for line in text.splitlines() if line.startswith("|")]


@pytest.fixture(scope="module")
def figures() -> Figures:
    return Figures(
        map50=0.99,
        map50_95=0.9,
        ap50={},
        threshold=0.4,
        precision=1.0,
        recall=1.0,
        mean_iou=0.9,
        class_accuracy=0.996,
        presence_accuracy=0.994,
    )


def result(figures: Figures, stage: str, head: str, seconds: float = 12.3) -> Result:
    run = StageRun(STARTERS, figures, seconds, 3200, [], [])
    return result_of(stage, head, PLANS["dense"][stage], 1000, run)


def test_stages_are_trained_measured_and_gone_on_with(rtloc: Callable, tmp_path: Path) -> None:
    done = rtloc(*TWO, *TINY, **ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    out = tmp_path / "benchmarks/stages"
    names = {f"{stage}-{head}" for stage in ("white-box", "maybe-absent") for head in PLANS}
    assert {p.name for p in out.iterdir()} == {
        "table.md",
        "results.json",
        *(f"{name}.jpg" for name in names),
    }
    header, _, *rows = rows_of((out / "table.md").read_text("utf-8"))
    assert tuple(header) == HEADER
    assert [f"{row[0]}-{row[1]}" for row in rows] == [
        "white-box-dense",
        "white-box-single",
        "maybe-absent-dense",
        "maybe-absent-single",
    ]
    for row in rows:
        assert all(0 <= float(cell.strip("()")) <= 1 for cell in row[2:7])
    for path in out.glob("*.jpg"):
        assert path.stat().st_size < 400_000
        assert min(cv2.imread(str(path)).shape[:2]) > 500

    before = {path: path.read_bytes() for path in out.iterdir()}
    done = rtloc(*TWO, *TINY, "--resume", **ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("done already") == 4
    assert {path: path.read_bytes() for path in out.iterdir()} == before

    done = rtloc(*TWO, *TINY, **ALONE)
    assert done.returncode == 2
    assert "white-box holds a run already; add --resume" in done.stderr
    assert {path: path.read_bytes() for path in out.iterdir()} == before

    # one result is missing: that stage is measured again, its training was over
    results = json.loads((out / "results.json").read_text("utf-8"))
    (out / "results.json").write_text(json.dumps(results[1:]), "utf-8")
    (out / "white-box-dense.jpg").unlink()
    done = rtloc("stages", "--only", "white-box", *TINY, "--resume", **ALONE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("done already") == 1
    assert {path: path.read_bytes() for path in out.iterdir()} == before

    # another plan is another run
    again = ("stages", "--only", "white-box", "--head", "single", *TINY, "--steps-scale", 0.004)
    folder = tmp_path / "runs/stages/single/white-box"
    kept = {path: path.read_bytes() for path in folder.iterdir()}
    done = rtloc(*again, "--resume", **ALONE)
    assert done.returncode == 1
    assert "single/white-box holds a run of another plan; move it away" in done.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == kept
    done = rtloc(*again, "--run", "runs/others", "--resume", **ALONE)
    assert done.returncode == 0, done.stderr
    assert "done already" not in done.stderr
    now = json.loads((out / "results.json").read_text("utf-8"))
    assert [r["head"] for r in now] == ["dense", "single"] * 2
    assert now[0] == results[0]
    assert now[1]["plan"]["steps"] > results[1]["plan"]["steps"]


def test_the_table_names_what_ran_on_another_machine() -> None:
    plan = {**plain(PLANS["dense"]["white-box"])}
    results = [
        Result(stage, "dense", {"mean_iou": 0.9}, 1.0, 32, 1000, plan, machine)
        for stage, machine in (("any-size", "A"), ("charmander", "B"), ("white-box", "B"))
    ]
    assert "`rtloc stages` on B; A (any-size dense). Measured" in table(results)
    assert "`rtloc stages` on B. Measured" in table(results[1:])


def test_on_a_full_disk_the_old_sheet_stays(figures: Figures, tmp_path: Path) -> None:
    path = tmp_path / "white-box-dense.jpg"
    run = StageRun(STARTERS, figures, 1.0, 3200, [], [])
    write_sheet(path, run, "old")
    before = path.read_bytes()
    with pytest.raises(RtlocError, match="File too large"), full_disk(1000):
        write_sheet(path, run, "new")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_table_says_how_boxes_were_learnt(figures: Figures) -> None:
    usual = result(figures, "any-size", "single")
    plain_one = replace(usual, plan={**usual.plan, "plain_loss": True})
    assert rows_of(table([usual]))[-1][1] == "single"
    assert rows_of(table([plain_one]))[-1][1] == "single, plain loss"
    assert f"boxes have another gradient: evenly for small and large objects, and {PULL:.0f}" in (
        table([usual])
    )


def test_a_stopped_stage_goes_on_where_it_was(tmp_path: Path) -> None:
    def stop(now: Progress) -> None:
        if now.step == 2:
            raise KeyboardInterrupt

    def run(report: Callable[[Progress], None], plan: Plan = PLAN, **options: bool) -> StageRun:
        return run_stage(
            "white-box", "single", plan, tmp_path, report, count=4, workers=0, **options
        )

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    state = load_checkpoint(tmp_path / "last.pt")
    assert state["step"] == 2
    steps: list[int] = []
    done = run(lambda now: steps.append(now.step), go_on=True)
    assert steps == [3, 4]
    assert done.seconds > state["seconds"] > 0
    assert done.pictures == 16
    assert len(done.samples) == len(done.found) == 12
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(TrainError, match="holds a run of another plan; move it away"):
        run(stop, replace(PLAN, steps=3), go_on=True)
    # without being asked to go on, it starts anew
    steps.clear()
    run(lambda now: steps.append(now.step))
    assert steps == [1, 2, 3, 4]
    assert (tmp_path / "notes.txt").read_text("utf-8") == "mine"


def test_the_single_object_head_ends_in_eight_numbers_at_every_stage(tmp_path: Path) -> None:
    for stage, labels in (("white-box", ["white box"]), ("charmander", list(STARTERS))):
        run_stage(stage, "single", PLAN, tmp_path, lambda now: None, count=4, workers=0)
        state = load_checkpoint(tmp_path / "best.pt")
        assert all(len(state["network"][f"cells.{n}.bias"]) == 8 for n in range(3))
        assert state["labels"] == labels
        assert (state["recipe"]["box_weight"], state["recipe"]["head"]) == (1.0, "single")
        assert not state["recipe"]["plain_loss"]
    plain_plan = replace(PLAN, plain_loss=True)
    run_stage("charmander", "single", plain_plan, tmp_path, lambda now: None, count=4, workers=0)
    assert load_checkpoint(tmp_path / "best.pt")["recipe"]["plain_loss"]


def test_every_stage_has_a_plan_and_a_target() -> None:
    assert list(PLANS["dense"]) == list(TARGETS) == list(STAGES)
    assert list(PLANS["single"]) == list(STAGES)[:7]
    for plans in PLANS.values():
        for plan in plans.values():
            assert plan.size % 32 == 0
            assert plan.warmup_steps < plan.steps / 4
            assert plan.scaled(1.0) == plan


def test_many_objects_are_nothing_for_the_single_object_head(fails: Callable) -> None:
    line = fails(2, "stages", "--only", "many-objects", "--head", "single")
    assert "cannot learn many-objects; use --head dense" in line


def test_a_figure_below_its_target_is_in_parentheses(figures: Figures) -> None:
    rows = rows_of(table([result(figures, "any-size", "dense")]))
    assert rows[-1][2:5] == ["(0.900)", "0.996", "0.994"]
    rows = rows_of(table([result(figures, "multi-class", "dense")]))
    assert rows[-1][2:5] == ["0.900", "0.996", "(0.994)"]
    assert rows[-1][7:] == ["12", "3,200", str(PLANS["dense"]["multi-class"].size)]
    rows = rows_of(table([result(replace(figures, mean_iou=None), "multi-class", "dense")]))
    assert rows[-1][2] == "–"


def test_results_keep_the_stages_order_and_the_newest(figures: Figures, tmp_path: Path) -> None:
    results: list[Result] = []
    for stage, head, seconds in (
        ("multi-class", "single", 1),
        ("white-box", "single", 2),
        ("multi-class", "dense", 3),
        ("multi-class", "single", 4),
    ):
        results = with_result(results, result(figures, stage, head, seconds))
    assert [r.seconds for r in results] == [2, 3, 4]
    write_results(tmp_path, results)
    assert read_results(tmp_path / "results.json") == results
    assert results[0].plan == plain(PLANS["dense"]["white-box"])
    assert str(Path.home()) not in (tmp_path / "results.json").read_text("utf-8")


def test_a_damaged_file_of_results_is_named(tmp_path: Path) -> None:
    assert read_results(tmp_path / "results.json") == []
    for text in ("[", '[{"stage": "x"}]', "3"):
        (tmp_path / "results.json").write_text(text, "utf-8")
        with pytest.raises(TrainError, match="holds no results"):
            read_results(tmp_path / "results.json")


@pytest.mark.parametrize("other", [{"stage": "gone"}, {"head": "third"}])
def test_results_of_a_stage_that_is_no_more_are_told_before_training(
    figures: Figures, tmp_path: Path, other: dict[str, str]
) -> None:
    write_results(tmp_path, [result(figures, "white-box", "dense")])
    rows = json.loads((tmp_path / "results.json").read_text("utf-8"))
    (tmp_path / "results.json").write_text(json.dumps([{**rows[0], **other}]), "utf-8")
    with pytest.raises(TrainError, match="holds no results"):
        read_results(tmp_path / "results.json")


def test_only_the_wanted_classes_are_loaded() -> None:
    data = load_data_set("multi-class", CUTOUTS, PHOTOS, 64, 0, labels=("Squirtle", "Charmander"))
    assert data.labels == ("Charmander", "Squirtle")
    drawn = {int(i) for n in range(30) for i in data.training.make(n).class_ids}
    assert drawn == {0, 1}
    everything = load_data_set("multi-class", CUTOUTS, PHOTOS, 64, 0)
    own = everything.training.cutouts[everything.labels.index("Squirtle")]
    assert len(data.training.cutouts[1]) == len(own)


@pytest.mark.parametrize("stage", ["white-box", "real-background", "multi-class"])
def test_on_photos_the_single_head_learns_pictures_without_an_object(stage: str) -> None:
    maker = generated_data(PLAN.recipe(stage, "single"), 64).training
    absent = [len(with_absent(maker).make(n).boxes) == 0 for n in range(300)]
    assert any(absent) is (stage != "white-box")
    assert 0.5 > sum(absent) / len(absent) > 0.2 or not any(absent)
