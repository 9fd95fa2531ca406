"""A run's log and its curves."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from full_disk import full_disk

from train.curves import LOSSES, append_row, cut_rows, draw_curves
from train.errors import TrainError


def row(step: int, map50: str = "") -> dict[str, str]:
    return {
        "step": str(step),
        **dict.fromkeys(LOSSES, "1.5"),
        "map50": map50,
        "map50_95": map50,
    }


def steps(log: Path) -> list[str]:
    return [line.split(",")[0] for line in log.read_text(encoding="utf-8").splitlines()]


def test_a_log_has_its_header_once(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step in (50, 100):
        append_row(log, row(step))
    assert steps(log) == ["step", "50", "100"]


def test_a_log_whose_folder_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="gone is gone; mend that"):
        append_row(tmp_path / "gone" / "log.csv", {"step": "1"})


def test_lines_behind_the_step_resumed_from_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step in (50, 100, 150, 200):
        append_row(log, row(step))
    before = log.read_text(encoding="utf-8").splitlines()
    cut_rows(log, 100)
    assert log.read_text(encoding="utf-8").splitlines() == before[:3]
    cut_rows(log, 200)
    assert steps(log) == ["step", "50", "100"]
    assert {p.name for p in tmp_path.iterdir()} == {"log.csv"}


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for step in (50, 100):
        append_row(log, row(step, "0.5"))
    whole = log.read_bytes()
    for kept in range(whole.index(b"100,") + 1, len(whole) - len("1.5,0.5,0.5\r\n")):
        log.write_bytes(whole[:kept])
        cut_rows(log, 100)
        assert steps(log) == ["step", "50"]
    draw_curves(log, tmp_path / "curves.png")


def test_on_a_full_disk_no_part_of_a_line_is_written(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    with full_disk(9), pytest.raises(TrainError, match="the disk is full"):
        append_row(log, row(50))
    assert log.read_bytes() == b""
    append_row(log, row(50))
    before = log.read_bytes()
    with full_disk(len(before) + 9), pytest.raises(TrainError, match="the disk is full"):
        append_row(log, row(100))
    assert log.read_bytes() == before
    append_row(log, row(100))
    assert steps(log) == ["step", "50", "100"]


@pytest.mark.parametrize(
    "damage", [b"\xff", b"step\n1,2\nmany,1\n", b"number\n1\n", b"step\n" + b"1" * 200_000]
)
def test_a_damaged_log_is_one_line(tmp_path: Path, damage: bytes) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(damage)
    with pytest.raises(TrainError, match="is damaged; move it away") as caught:
        cut_rows(log, 100)
    assert "\n" not in str(caught.value)
    assert log.read_bytes() == damage


def test_a_run_begun_again_has_no_lines_of_the_last_one(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    cut_rows(log, 0)
    assert not log.exists()
    append_row(log, row(50))
    cut_rows(log, 0)
    append_row(log, row(50))
    assert steps(log) == ["step", "50"]


def test_the_curves_are_a_picture_with_something_in_it(tmp_path: Path) -> None:
    log, picture = tmp_path / "log.csv", tmp_path / "curves.png"
    append_row(log, row(50))
    draw_curves(log, picture)  # no figures yet
    assert picture.read_bytes().startswith(b"\x89PNG")
    plain = cv2.imread(str(picture))
    for step in range(100, 2000, 50):
        append_row(log, row(step, "0.5"))
    draw_curves(log, picture)
    drawn = cv2.imread(str(picture))
    assert drawn is not None
    assert drawn.shape == plain.shape
    assert (drawn != plain).any()
    assert {p.name for p in tmp_path.iterdir()} == {"log.csv", "curves.png"}
