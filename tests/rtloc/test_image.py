"""`rtloc image`, called as a user does."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import LABELS
from exif import with_exif_orientation

from rtloc.overlay import COLOURS

Fails = Callable[..., str]


@pytest.fixture
def photo(tmp_path: Path, scene: np.ndarray) -> Path:
    """The three starters in a picture of 640×360."""
    return save(tmp_path / "photo.png", scene)


def save(path: Path, scene: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), cv2.resize(scene, (640, 360)))
    return path


def records_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_picture_gets_an_annotated_copy_beside_which_it_stays_as_it_was(
    rtloc, photo: Path
) -> None:
    before = photo.read_bytes()
    done = rtloc("image", photo)
    assert done.returncode == 0, done.stderr
    assert names_in(photo.parent) == ["photo.png", "photo.rtloc.png"]
    assert photo.read_bytes() == before
    original, copy = cv2.imread(str(photo)), cv2.imread(str(photo.with_name("photo.rtloc.png")))
    assert original.shape == copy.shape
    changed = (original != copy).any(axis=2)
    assert 500 < changed.sum() < changed.size / 4
    for colour in (COLOURS[0], COLOURS[1], COLOURS[3]):
        assert (copy == colour).all(axis=2).sum() > 300


def test_an_input_size_that_is_none_is_wrong_usage(fails, photo: Path) -> None:
    said = fails(2, "image", photo, "--input-size", 200)
    assert "'--input-size': 200 is not a multiple of 32" in said
    said = fails(2, "image", photo, "--input-size", 4128)
    assert "'--input-size': 4128 is not in the range 128<=x<=4096" in said


def test_the_closing_line_says_what_was_found(rtloc, photo: Path) -> None:
    line = rtloc("image", photo).stderr.strip()
    assert "\n" not in line
    for part in ("1 picture ", "ms median", "p99", "openvino (", *(f"{name} 1" for name in LABELS)):
        assert part in line


def test_no_picture_is_written_over_before_it_is_read(
    fails, tmp_path: Path, scene: np.ndarray
) -> None:
    for name in ("sub/a.png", "a.rtloc.png"):
        save(tmp_path / name, scene)
    before = (tmp_path / "a.rtloc.png").read_bytes()
    line = fails(2, "image", "sub/a.png", "a.rtloc.png")
    assert "a.rtloc.png is one of the pictures; name another folder with -o" in line
    assert (tmp_path / "a.rtloc.png").read_bytes() == before


def test_a_folder_of_mixed_files_gives_a_copy_of_each_picture(
    rtloc, tmp_path: Path, scene: np.ndarray
) -> None:
    folder = tmp_path / "in"
    for name in ("a.png", "b.JPG", "c.webp", "d.gif", "e.tif", "f.bmp"):
        save(folder / name, scene)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "deeper").mkdir()
    done = rtloc("image", folder, "-o", "out", "--records", "r.jsonl")
    assert done.returncode == 0, done.stderr
    assert names_in(tmp_path / "out") == [
        "a.rtloc.png",
        "b.rtloc.JPG",
        "c.rtloc.webp",
        "d.rtloc.png",
        "e.rtloc.png",
        "f.rtloc.bmp",
    ]
    records = records_of(tmp_path / "r.jsonl")
    assert [Path(r["path"]).name for r in records] == [
        "a.png",
        "b.JPG",
        "c.webp",
        "d.gif",
        "e.tif",
        "f.bmp",
    ]
    for record in records:
        found = sorted(record["detections"], key=lambda d: d["box"][0])
        assert [d["label"] for d in found] == list(LABELS)


def test_the_boxes_are_in_pixels_of_the_picture(rtloc, photo: Path, scene: np.ndarray) -> None:
    cv2.imwrite(str(photo.with_name("large.png")), scene)
    assert rtloc("image", photo, "large.png", "--records", "r.jsonl").returncode == 0
    small, large = records_of(photo.with_name("r.jsonl"))
    assert (small["path"], large["path"]) == (str(photo), "large.png")
    for one, double in zip(
        sorted(small["detections"], key=lambda d: d["box"][0]),
        sorted(large["detections"], key=lambda d: d["box"][0]),
        strict=True,
    ):
        assert np.allclose(2 * np.array(one["box"]), double["box"], atol=6)


def test_csv_records_have_a_row_per_detection(rtloc, photo: Path) -> None:
    assert rtloc("image", photo, "--no-pictures", "--records", "r.csv").returncode == 0
    with photo.with_name("r.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == set(LABELS)
    assert {row["path"] for row in rows} == {str(photo)}
    assert all(0 <= float(row["x1"]) < float(row["x2"]) <= 640 for row in rows)


def test_without_pictures_nothing_but_the_records_is_written(rtloc, photo: Path) -> None:
    done = rtloc("image", photo, "--no-pictures", "-o", "out", "--records", "r.jsonl")
    assert done.returncode == 0, done.stderr
    assert names_in(photo.parent) == ["photo.png", "r.jsonl"]


def test_pictures_of_the_same_name_get_copies_of_their_own(
    rtloc, tmp_path: Path, scene: np.ndarray
) -> None:
    save(tmp_path / "x/a.png", scene)
    save(tmp_path / "y/a.png", np.zeros_like(scene))
    assert rtloc("image", "x", "y", "-o", "out").returncode == 0
    assert names_in(tmp_path / "out") == ["a-2.rtloc.png", "a.rtloc.png"]
    assert cv2.imread(str(tmp_path / "out/a.rtloc.png")).any()
    assert not cv2.imread(str(tmp_path / "out/a-2.rtloc.png")).any()


@pytest.mark.parametrize("arguments", [["."], ["a.png", "a.rtloc.png"]])
def test_a_second_run_does_not_annotate_its_own_copies(
    rtloc, tmp_path: Path, scene: np.ndarray, arguments: list[str]
) -> None:
    save(tmp_path / "a.png", scene)
    rtloc("image", "a.png")
    first = (tmp_path / "a.rtloc.png").read_bytes()
    done = rtloc("image", *arguments)
    assert done.returncode == 0, done.stderr
    assert "1 picture " in done.stderr
    assert names_in(tmp_path) == ["a.png", "a.rtloc.png"]
    assert (tmp_path / "a.rtloc.png").read_bytes() == first


def test_a_photo_that_its_camera_noted_as_turned_is_located_upright(
    rtloc, tmp_path: Path, scene: np.ndarray
) -> None:
    lying = save(tmp_path / "a.jpg", np.rot90(scene).copy())
    cv2.imwrite(str(lying), np.rot90(cv2.resize(scene, (640, 360))))
    lying.write_bytes(with_exif_orientation(lying.read_bytes(), 6))
    assert rtloc("image", lying, "--records", "r.jsonl").returncode == 0
    assert cv2.imread(str(tmp_path / "a.rtloc.jpg")).shape == (360, 640, 3)
    (record,) = records_of(tmp_path / "r.jsonl")
    found = sorted(record["detections"], key=lambda d: d["box"][0])
    assert [d["label"] for d in found] == list(LABELS)


def test_an_unreadable_picture_in_the_middle_costs_only_itself(
    rtloc, tmp_path: Path, scene: np.ndarray
) -> None:
    save(tmp_path / "in/a.png", scene)
    (tmp_path / "in/b.png").write_bytes(b"no picture at all")
    save(tmp_path / "in/c.png", scene)
    done = rtloc("image", "in", "-o", "out", "--records", "r.jsonl")
    assert done.returncode == 1
    error, closing = done.stderr.strip().splitlines()
    assert error == "rtloc: error: in/b.png is no picture that OpenCV reads"
    assert "2 pictures" in closing
    assert names_in(tmp_path / "out") == ["a.rtloc.png", "c.rtloc.png"]
    assert [r["path"] for r in records_of(tmp_path / "r.jsonl")] == ["in/a.png", "in/c.png"]


def test_only_unreadable_pictures_are_a_failure_without_figures(rtloc, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    done = rtloc("image", "a.png")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["rtloc: error: a.png is empty", "0 pictures"]
    assert names_in(tmp_path) == ["a.png"]


def test_only_the_wanted_classes_are_found(rtloc, photo: Path) -> None:
    rtloc("image", photo, "--no-pictures", "--records", "r.jsonl", "--classes", "squirtle")
    (record,) = records_of(photo.with_name("r.jsonl"))
    assert [d["label"] for d in record["detections"]] == ["Squirtle"]


def test_a_higher_threshold_finds_less(rtloc, photo: Path) -> None:
    rtloc("image", photo, "--no-pictures", "--records", "r.jsonl", "--threshold", 1)
    (record,) = records_of(photo.with_name("r.jsonl"))
    assert record["detections"] == []


class TestBadInput:
    def test_missing_path(self, fails: Fails, photo: Path) -> None:
        assert "no such file or folder: nope.png" in fails(2, "image", photo, "nope.png")
        assert names_in(photo.parent) == ["photo.png"]

    def test_no_path_at_all(self, fails: Fails) -> None:
        assert "Missing argument 'PATHS...'" in fails(2, "image")

    def test_empty_folder(self, fails: Fails, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        assert "no pictures in in; rtloc reads .bmp" in fails(2, "image", "in", "-o", "out")
        assert names_in(tmp_path) == ["in"]

    def test_output_folder_is_a_file(self, fails: Fails, photo: Path) -> None:
        line = fails(2, "image", photo, "-o", photo)
        assert f"cannot make the folder {photo}: it is a file" in line

    def test_output_folder_cannot_be_made(self, fails: Fails, photo: Path) -> None:
        assert "cannot make the folder /proc/out: " in fails(2, "image", photo, "-o", "/proc/out")

    def test_output_folder_in_a_missing_folder(self, fails: Fails, photo: Path) -> None:
        line = fails(2, "image", photo, "-o", "missing/out")
        assert "cannot make the folder missing/out: there is no folder missing" in line

    def test_records_of_another_kind(self, fails: Fails, photo: Path) -> None:
        line = fails(2, "image", photo, "--records", "r.txt")
        assert "cannot write records to r.txt; end its name in .jsonl or .csv" in line

    def test_records_folder_missing(self, fails: Fails, photo: Path) -> None:
        line = fails(2, "image", photo, "--records", "missing/r.jsonl")
        assert "there is no folder missing" in line

    def test_unknown_class(self, fails: Fails, photo: Path) -> None:
        assert "no class 'Mewtwo'" in fails(2, "image", photo, "--classes", "Mewtwo")

    def test_an_output_folder_that_takes_no_files(self, rtloc, photo: Path) -> None:
        done = rtloc("image", photo, "-o", "/proc")
        assert done.returncode == 1
        assert "rtloc: error: cannot write /proc/photo.rtloc.png" in done.stderr
        assert "Traceback" not in done.stderr


def start(tmp_path: Path, *arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtloc", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tmp_path, stderr=pipe, text=True, **options)


def many_copies(photo: Path, number: int) -> Path:
    folder = photo.parent / "many"
    folder.mkdir()
    for n in range(number):
        (folder / f"{n:04}.png").hardlink_to(photo)
    return folder


def wait_for_copies(folder: Path, number: int) -> None:
    ends = time.monotonic() + 60
    while len(list(folder.glob("*.rtloc.png"))) < number:
        assert time.monotonic() < ends, "no copies came"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_keeps_the_records(photo: Path, name: str) -> None:
    process = start(
        photo.parent, "image", many_copies(photo, 2000), "-o", "out", "--records", "r.jsonl"
    )
    wait_for_copies(photo.parent / "out", 3)
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    done = len(list((photo.parent / "out").glob("*.rtloc.png")))
    assert len(records_of(photo.parent / "r.jsonl")) == pytest.approx(done, abs=1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_hang_up_that_nohup_ignores_ends_nothing(photo: Path) -> None:
    def as_nohup_does() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    options = ("image", many_copies(photo, 20), "-o", "out", "--records", "r.jsonl")
    process = start(photo.parent, *options, preexec_fn=as_nohup_does)
    wait_for_copies(photo.parent / "out", 3)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert len(records_of(photo.parent / "r.jsonl")) == 20
