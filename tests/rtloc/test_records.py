"""Records as JSON lines and CSV."""

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from full_disk import full_disk

from rtloc.detections import Detections
from rtloc.errors import RtlocError, UsageError
from rtloc.files import partial_name
from rtloc.records import json_writer, open_records

LABELS = ["cat", "Pokémon"]
ONE = Detections(
    np.array([[1.234, 2, 30.5, 40]], np.float32),
    np.array([0.875], np.float32),
    np.array([1]),
)


def test_jsonl_has_one_object_a_picture_even_where_nothing_is_found(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with open_records(path, LABELS, ["index", "time_s"]) as record:
        record({"index": 0, "time_s": 0.0}, ONE)
        record({"index": 1, "time_s": 0.04}, Detections.empty())
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines == [
        {
            "index": 0,
            "time_s": 0.0,
            "detections": [{"label": "Pokémon", "score": 0.875, "box": [1.23, 2.0, 30.5, 40.0]}],
        },
        {"index": 1, "time_s": 0.04, "detections": []},
    ]


def test_csv_has_one_row_a_detection(tmp_path: Path) -> None:
    path = tmp_path / "r.CSV"
    with open_records(path, LABELS, ["index", "time_s"]) as record:
        record({"index": 0, "time_s": 0.0}, ONE)
        record({"index": 1, "time_s": 0.04}, Detections.empty())
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1
    assert rows[0]["label"] == "Pokémon"
    assert [float(rows[0][k]) for k in ("score", "x1", "y2")] == [0.875, 1.23, 40]


def test_the_number_of_a_followed_object_is_recorded(tmp_path: Path) -> None:
    followed = replace(ONE, track_ids=np.array([7]))
    for name in ("r.jsonl", "r.csv"):
        with open_records(tmp_path / name, LABELS, ["index"], tracked=True) as record:
            record({"index": 0}, followed)
    assert json.loads((tmp_path / "r.jsonl").read_text("utf-8"))["detections"][0]["track"] == 7
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        assert [row["track"] for row in csv.DictReader(file)] == ["7"]


def test_what_was_written_before_an_error_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with pytest.raises(RuntimeError), open_records(path, LABELS, ["index"]) as record:
        record({"index": 0}, ONE)
        raise RuntimeError
    assert json.loads(path.read_text())["index"] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["r.jsonl"]


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
def test_each_picture_can_be_read_at_once(tmp_path: Path, name: str) -> None:
    partial = partial_name(tmp_path / name)
    with open_records(tmp_path / name, LABELS, ["index"]) as record:
        for n in range(3):
            record({"index": n}, ONE)
            rows = partial.read_bytes().splitlines(keepends=True)
            assert len(rows) == n + 1 + name.endswith("csv")
            assert rows[-1].endswith(b"\n")


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
def test_a_file_name_that_is_no_utf_8_is_written(tmp_path: Path, name: str) -> None:
    odd = os.fsdecode(b"caf\xe9.jpg")
    with open_records(tmp_path / name, LABELS, ["path"]) as record:
        record({"path": odd}, ONE)
    text = (tmp_path / name).read_text("utf-8")
    assert r"caf\udce9.jpg" in text
    if name == "r.jsonl":
        assert json.loads(text)["path"] == odd


@pytest.mark.parametrize("pictures", [1, 100])  # what is full is seen at the end, or before
def test_a_full_disk_is_said_with_the_name(tmp_path: Path, pictures: int) -> None:
    path = tmp_path / "r.jsonl"
    with (
        full_disk(50),
        pytest.raises(RtlocError, match=r"cannot write .*r.jsonl: File too large"),
        open_records(path, LABELS, ["index"]) as record,
    ):
        for n in range(pictures):
            record({"index": n}, ONE)
    assert path.stat().st_size == 50
    assert [p.name for p in tmp_path.iterdir()] == ["r.jsonl"]


def test_no_file_appears_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("old")
    with open_records(path, LABELS, ["index"]) as record:
        record({"index": 0}, ONE)
        assert path.read_text() == "old"


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
def test_a_run_without_a_picture_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    with open_records(path, LABELS, ["index"]):
        pass
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["r.txt", "r", "missing/r.jsonl"])
def test_a_wrong_place_is_refused(tmp_path: Path, name: str) -> None:
    with (
        pytest.raises(UsageError, match="cannot write"),
        open_records(tmp_path / name, LABELS, ["index"]),
    ):
        pass


def test_without_a_path_nothing_is_written() -> None:
    with open_records(None, LABELS, ["index"]) as record:
        record({"index": 0}, ONE)


class Counting(io.StringIO):
    """Counts how often something is written into it."""

    times = 0

    def write(self, text: str) -> int:
        self.times += 1
        return super().write(text)


def test_an_object_is_written_at_once() -> None:
    file = Counting()
    json_writer(file, LABELS)({"index": 0}, ONE)
    assert file.times == 1
    assert file.getvalue().endswith("}\n")
