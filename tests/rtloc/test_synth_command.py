"""`rtloc synth` as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from clips import make_clip

from rtloc.cli import main
from rtloc.contact_sheet import draw_contact_sheet, sheet_wh
from rtloc.overlay import COLOURS

SMALL = ("--size", 128, "--stage", "any-size")
Synth = Callable[..., tuple[int, str]]


@pytest.fixture
def synth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Synth:
    """Run `rtloc synth ARGUMENTS...` in an empty folder; return exit code and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["rtloc", "synth", *map(str, arguments)])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, errors = capfd.readouterr()
        assert out == ""
        assert isinstance(code, int)
        return code, errors.strip()

    return run


@pytest.fixture
def refuses(synth: Synth, tmp_path: Path) -> Callable[..., str]:
    """Run a command line that must fail with an exit code and leave nothing behind."""

    def run(exit_code: int, *arguments: object) -> str:
        before = set(tmp_path.rglob("*"))
        code, line = synth(*arguments)
        assert code == exit_code, line
        assert line.startswith("rtloc: error: ")
        assert "\n" not in line
        assert set(tmp_path.rglob("*")) == before
        return line

    return run


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def tree(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


def test_a_coco_set(synth: Synth, tmp_path: Path) -> None:
    code, said = synth("set", "--count", 3, *SMALL)
    assert (code, said) == (0, "set: 3 pictures of the stage any-size at 128 px")
    assert names(tmp_path) == {
        "set/annotations.json",
        *(f"set/images/{n:06d}.jpg" for n in range(3)),
    }
    data = json.loads((tmp_path / "set/annotations.json").read_text("utf-8"))
    # as `rtloc train` at this stage
    assert [c["name"] for c in data["categories"]] == ["Bulbasaur", "Charmander", "Squirtle"]
    assert [a["category_id"] for a in data["annotations"]] == [2, 2, 2]


def test_a_yolo_set(synth: Synth, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()  # an empty folder may be there
    code, said = synth("set", "--format", "yolo", "--count", 10, "--png", *SMALL)
    assert code == 0, said
    parts = [("train", n) for n in range(8)] + [("val", n) for n in range(2)]
    assert names(tmp_path) == {
        "set/data.yaml",
        *(f"set/images/{part}/{n:06d}.png" for part, n in parts),
        *(f"set/labels/{part}/{n:06d}.txt" for part, n in parts),
    }
    data = yaml.safe_load((tmp_path / "set/data.yaml").read_text("utf-8"))
    assert (data["train"], data["val"]) == ("images/train", "images/val")


def test_no_pictures_to_validate_on(synth: Synth, tmp_path: Path) -> None:
    options = ("--format", "yolo", "--count", 2, *SMALL)
    assert synth("set", *options, "--val-part", 0)[0] == 0
    data = yaml.safe_load((tmp_path / "set/data.yaml").read_text("utf-8"))
    assert data["val"] == "images/train"
    assert len(list((tmp_path / "set/images/train").iterdir())) == 2


def test_the_same_seed_writes_the_same_files(synth: Synth, tmp_path: Path) -> None:
    common = ("--count", 4, "--size", 128, "--stage", "many-objects")
    for name, *options in (
        ("a", "--seed", 7),
        ("b", "--seed", 7, "--workers", 2),
        ("c", "--seed", 8),
        ("d", "--seed", 7, "--held-out"),
        ("e", "--seed", 8, "--held-out"),
        ("f", "--seed", 7, "--jpeg-quality", 30),
        ("g", "--seed", 7, "--no-distractors"),
    ):
        assert synth(name, *common, *options)[0] == 0
    sets = [tree(tmp_path / name) for name in "abcdefg"]
    assert sets[0] == sets[1]
    for n, one in enumerate(sets[1:], start=1):
        assert all(one != other for other in sets[n + 1 :])
    # the boxes do not depend on the quality
    assert sets[0]["annotations.json"] == sets[5]["annotations.json"]


def test_held_out_pictures_to_train_and_to_validate_on_differ(synth: Synth, tmp_path: Path) -> None:
    options = ("--format", "yolo", "--count", 6, "--val-part", 0.5, "--held-out", *SMALL)
    assert synth("set", *options)[0] == 0
    pictures = [p.read_bytes() for p in (tmp_path / "set/images").rglob("*.jpg")]
    assert len(set(pictures)) == 6


def test_own_cutouts_and_a_film_behind_them(synth: Synth, tmp_path: Path) -> None:
    disc = cv2.circle(np.zeros((40, 40, 4), np.uint8), (20, 20), 18, (0, 0, 255, 255), -1)
    for label, picture in {"ball": disc, "cube": np.full((40, 40, 4), 255, np.uint8)}.items():
        (tmp_path / "cutouts" / label).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "cutouts" / label / "a.png"), picture)
    make_clip(tmp_path / "film.mp4", frames=10, size_wh=(128, 96))
    own = ("--cutouts", "cutouts", "--backgrounds", "film.mp4", "--distractors", "cutouts/ball")
    (tmp_path / "cutouts/ball/b.png").write_bytes((tmp_path / "cutouts/ball/a.png").read_bytes())
    code, said = synth("set", "--count", 2, "--size", 128, *own)
    assert code == 0
    few, whole, *_ = said.splitlines()
    assert few.startswith("only 8 backgrounds in film.mp4 to train on; ")
    assert whole.startswith("cut-outs of cube without a transparent pixel are learnt as rectangles")
    data = json.loads((tmp_path / "set/annotations.json").read_text("utf-8"))
    assert [c["name"] for c in data["categories"]] == ["ball", "cube"]


def test_a_contact_sheet_alone_or_of_a_set(synth: Synth, tmp_path: Path) -> None:
    assert synth("--preview", "a.png", "--count", 5, *SMALL)[0] == 0
    assert cv2.imread(str(tmp_path / "a.png")).shape[1::-1] == sheet_wh(5)
    assert synth("--preview", "b.png", *SMALL)[0] == 0
    assert cv2.imread(str(tmp_path / "b.png")).shape[1::-1] == sheet_wh(24)
    assert synth("set", "--preview", "c.png", "--count", 5, *SMALL)[0] == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "c.png").read_bytes()
    assert names(tmp_path / "set")


def test_a_folder_that_is_there_is_filled_even_through_a_link(synth: Synth, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert synth("link", "--count", 3, *SMALL)[0] == 0
    assert synth("new", "--count", 3, *SMALL)[0] == 0
    assert names(tmp_path / "real") == names(tmp_path / "new")
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "dangling").symlink_to("nowhere")
    assert synth("dangling", "--count", 3, *SMALL)[0] == 2


def test_boxes_and_labels_are_drawn() -> None:
    image = np.zeros((144, 288, 3), np.uint8)
    boxes, ids = np.array([[100, 60, 200, 120]], np.float32), np.array([1])
    sheet = draw_contact_sheet([(image, boxes, ids)] * 7, ["a", "b"])
    assert sheet.shape[1::-1] == sheet_wh(7)
    drawn = (sheet == COLOURS[1]).all(axis=2)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    first, top = 6 + 100, 6 + 72 + 60  # in the middle of its tile
    assert columns[0] == first
    assert rows[0] < top  # the caption stands on the box
    assert drawn[top + 30, first]
    assert drawn[top : top + 61, first + 100].any()


def test_what_cannot_be_written_is_said(refuses: Callable[..., str], tmp_path: Path) -> None:
    assert "name a folder OUT to write, or a contact sheet" in refuses(2)
    assert "no folder nowhere" in refuses(2, "nowhere/set")
    assert "must end in .png" in refuses(2, "--preview", "a.jpg")
    assert "no folder nowhere" in refuses(2, "--preview", "nowhere/a.png")
    (tmp_path / "empty").mkdir()
    assert "write empty/a.png beside it" in refuses(2, "empty", "--preview", "empty/a.png")
    for option in ("--cutouts", "--backgrounds", "--distractors"):
        line = refuses(2, "--preview", "empty/a.png", option, "empty")
        assert "empty/a.png would lie in empty; write it elsewhere" in line
    assert "240 pictures at most, not 300" in refuses(2, "--preview", "a.png", "--count", 300)
    assert "130 is not a multiple of 32" in refuses(2, "set", "--size", 130)
    assert "contradict each other" in refuses(2, "set", "--png", "--jpeg-quality", 50)
    distractors = ("--distractors", ".", "--no-distractors")
    assert "contradict each other" in refuses(2, "set", *distractors)
    assert "1.0 is not in the range" in refuses(2, "set", "--val-part", 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").write_text("mine", "utf-8")
    assert "full is there already; remove it" in refuses(2, "full")
    assert "is there already" in refuses(2, "full/a.txt")
    assert "is there already" in refuses(2, ".")
    assert (tmp_path / "full/a.txt").read_text("utf-8") == "mine"


def test_what_it_cannot_be_made_of_is_said(refuses: Callable[..., str], tmp_path: Path) -> None:
    for name in ("bad.mp4", "cutouts/cat/bad.png", "photos/bad.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"nothing" * 100)
    assert "cannot read bad.mp4 as a video" in refuses(1, "set", "--backgrounds", "bad.mp4")
    assert "cannot read photos/bad.jpg" in refuses(1, "set", "--backgrounds", "photos")
    assert "cutouts/cat/bad.png" in refuses(1, "set", "--cutouts", "cutouts")
    assert "no folder of photos at no" in refuses(1, "set", "--backgrounds", "no")
    assert "no PNG, WebP or SVG" in refuses(1, "set", "--distractors", "photos")
    cv2.imwrite(str(tmp_path / "cutouts/cat/bad.png"), np.full((9, 12, 4), 255, np.uint8))
    line = refuses(1, "set", "--cutouts", "cutouts")
    assert "cutouts/cat/bad.png: the object is 12×9 px; use a picture of at least 16 px" in line


def test_a_set_that_fails_half_way_leaves_nothing(
    synth: Synth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name == "000002.jpg":
            raise OSError(28, "No space left on device")
        path.open("wb").write(data)

    monkeypatch.setattr(Path, "write_bytes", full)
    code, line = synth("set", "--count", 5, *SMALL)
    assert (code, line) == (1, "rtloc: error: cannot write set: No space left on device")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()


def test_what_a_killed_run_left_is_swept_away(synth: Synth, tmp_path: Path) -> None:
    (tmp_path / ".set.part/images").mkdir(parents=True)
    assert synth("set", "--count", 1, *SMALL)[0] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_ctrl_c_ends_all_processes_and_keeps_a_whole_set(tmp_path: Path, form: str) -> None:
    command = ("synth", "set", "--count", 100_000, "--workers", 2, "--format", form, *SMALL)
    process = subprocess.Popen(
        [sys.executable, "-m", "rtloc", *map(str, command)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while len(list(tmp_path.glob(".set.part/images/**/*.*"))) < 20:
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the other processes too
    told, stopped = process.communicate(timeout=60)[1].strip().splitlines()
    assert (stopped, process.returncode) == ("rtloc: stopped", 130)
    assert [p.name for p in tmp_path.iterdir()] == ["set"]
    pictures = sorted(p.stem for p in tmp_path.glob("set/images/**/*.*"))
    assert 0 < len(pictures) < 100_000
    assert told == f"set: {len(pictures)} pictures of the stage any-size at 128 px"
    if form == "coco":
        images = json.loads((tmp_path / "set/annotations.json").read_text())["images"]
        assert sorted(Path(one["file_name"]).stem for one in images) == pictures
    else:
        assert sorted(p.stem for p in tmp_path.glob("set/labels/train/*")) == pictures
        assert "val: images/train" in (tmp_path / "set/data.yaml").read_text()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # the last may take a moment to go
            os.killpg(process.pid, 0)
            time.sleep(0.1)
