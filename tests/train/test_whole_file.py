"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.moved import partial_name
from train.coco import precisions
from train.curves import LOSSES, append_row, cut_rows, draw_curves
from train.errors import TrainError
from train.evaluate import measure
from train.matching import Found, Truth
from train.pr_plot import draw_precision_recall
from train.stage_table import Result, write_results
from train.whole_file import whole_file

ROW = {"step": "50", **dict.fromkeys(LOSSES, "1.5"), "map50": "0.5", "map50_95": "0.5"}
RESULT = Result("charmander", "dense", {}, 1.0, 8, 4, {"size": 64}, "here")


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with whole_file(path) as partial:
        partial.write_text("new", "utf-8")
        assert not path.exists()
    assert path.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_there_stays_when_the_block_ends_early(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old", "utf-8")
    with pytest.raises(error), whole_file(path) as partial:
        partial.write_text("half", "utf-8")
        raise error
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("parent", ["gone", "file"])
def test_a_place_where_nothing_can_be_written_is_one_line(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / parent / "a.txt"
    says = f"cannot write {path}: "
    with pytest.raises(TrainError, match=says) as caught, whole_file(path) as partial:
        partial.write_text("new", "utf-8")
    assert "\n" not in str(caught.value)


def write_plot(path: Path) -> None:
    box = np.array([[0, 0, 9, 9]], np.float32)
    truths = [Truth(box, np.zeros(1, np.int64), (20, 20))]
    found = [Found(box, np.ones(1, np.float32), np.zeros(1, np.int64))]
    figures = measure(truths, found, ["cat"])
    draw_precision_recall(precisions(truths, found, ["cat"]), figures, path, "cats")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("name", ["log.csv", "curves.png", "plot.png", "results.json"])
def test_on_a_full_disk_all_else_stays_and_it_is_one_line(tmp_path: Path, name: str) -> None:
    log, path = tmp_path / "log.csv", tmp_path / name
    append_row(log, ROW)
    before = log.read_bytes()
    partial_name(path).symlink_to("/dev/full")
    write = {
        "log.csv": lambda: cut_rows(log, 50),
        "curves.png": lambda: draw_curves(log, path),
        "plot.png": lambda: write_plot(path),
        "results.json": lambda: write_results(tmp_path, [RESULT]),
    }
    with pytest.raises(TrainError, match=f"cannot write {path}: the disk is full"):
        write[name]()
    assert log.read_bytes() == before
    assert list(tmp_path.iterdir()) == [log]
