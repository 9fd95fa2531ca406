"""A file takes its name when it is whole, or not at all."""

from pathlib import Path

import pytest

from engines import moved
from engines.moved import move, moved_when_whole, try_to_make

NOT_A_FILE = (IsADirectoryError, PermissionError)  # as Linux and Windows say it


def test_what_is_whole_takes_the_place_of_what_was_there(tmp_path: Path) -> None:
    path, partial = tmp_path / "file", tmp_path / "partial"
    path.write_text("old", "utf-8")
    with moved_when_whole(partial, path) as given:
        given.write_text("new", "utf-8")
        assert path.read_text("utf-8") == "old"
    assert path.read_text("utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_of_what_is_not_whole_nothing_is_left(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_text("old", "utf-8")
    with pytest.raises(error), moved_when_whole(tmp_path / "partial", path) as partial:
        partial.write_text("half", "utf-8")
        raise error
    assert path.read_text("utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_moved_is_not_left_either(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(NOT_A_FILE), moved_when_whole(tmp_path / "partial", path) as partial:
        partial.write_text("new", "utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_looked_into_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new", "utf-8")
    refused = [PermissionError("a scanner has it open")] * 2
    replace = Path.replace

    def refused_at_first(path: Path, to: Path) -> Path:
        if refused:
            raise refused.pop()
        return replace(path, to)

    monkeypatch.setattr(moved, "PAUSES_S", (0.01, 0.01))
    monkeypatch.setattr(Path, "replace", refused_at_first)
    move(source, target)
    assert target.read_text("utf-8") == "new"
    assert not source.exists()


def test_trying_leaves_nothing_and_takes_nothing(tmp_path: Path) -> None:
    try_to_make(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").write_text("mine", "utf-8")
    with pytest.raises(FileExistsError):
        try_to_make(tmp_path / "a")
    assert (tmp_path / "a").read_text("utf-8") == "mine"
    with pytest.raises(FileNotFoundError):
        try_to_make(tmp_path / "gone/a")
