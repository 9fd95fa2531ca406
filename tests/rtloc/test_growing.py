"""Files that grow are left to the run that writes them, and numbered where that is wanted."""

import sys
from pathlib import Path

import pytest

from rtloc.errors import RtlocError
from rtloc.files import partial_name
from rtloc.growing import growing_file

needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="Windows needs none")


def write(path: Path, text: str, *, beside: bool = False) -> Path:
    with growing_file(path, beside=beside) as name:
        partial_name(name).write_text(text)
    return name


def test_what_was_there_is_replaced_or_kept_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert write(path, "one") == path
    assert write(path, "two") == path
    assert write(path, "three", beside=True) == tmp_path / "a-2.txt"
    assert write(path, "four", beside=True) == tmp_path / "a-3.txt"
    texts = {one.name: one.read_text() for one in tmp_path.iterdir()}
    assert texts == {"a.txt": "two", "a-2.txt": "three", "a-3.txt": "four"}


@needs_locks
def test_a_file_that_another_writes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with growing_file(path):
        partial_name(path).write_text("first")
        with pytest.raises(RtlocError, match=r"another run is writing .*a\.txt"):
            write(path, "second")
        assert write(path, "third", beside=True) == tmp_path / "a-2.txt"
    texts = {one.name: one.read_text() for one in tmp_path.iterdir()}
    assert texts == {"a.txt": "first", "a-2.txt": "third"}


def test_what_a_killed_run_left_of_a_numbered_file_gets_the_next_number(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    partial_name(tmp_path / "a-2.txt").write_text("left")
    assert write(path, "two", beside=True) == tmp_path / "a-2.txt"
    texts = {one.name: one.read_text() for one in tmp_path.iterdir()}
    assert texts == {"a.txt": "one", "a-2.txt": "two", "a-3.txt": "left"}
