"""Output files appear when they are whole, and never where they cannot."""

from pathlib import Path

import pytest
from full_disk import full_disk

from rtloc.errors import RtlocError, UsageError
from rtloc.files import (
    check_writable,
    keep_leftover,
    next_free,
    partial_name,
    whole_file,
)
from rtloc.growing import text_output


def test_the_unfinished_file_is_hidden_beside_the_finished_and_keeps_its_ending() -> None:
    assert partial_name(Path("a/b.tar.mp4")) == Path("a/.b.tar.part.mp4")


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with whole_file(path) as partial:
        partial.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_ends_early_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(error), whole_file(path) as partial:
        partial.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_on_a_full_disk_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with (
        pytest.raises(RtlocError, match=f"^cannot write {path}: File too large$"),
        full_disk(50),
        whole_file(path) as partial,
    ):
        partial.write_bytes(bytes(100))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with text_output(path) as file:
        file.write("Pokémon\n")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_bytes() == "Pokémon\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_what_was_written_before_an_error_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with pytest.raises(RuntimeError), text_output(path) as file:
        file.write("as far as it came")
        raise RuntimeError
    assert path.read_text() == "as far as it came"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_of_nothing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), text_output(path):
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_text_that_a_killed_run_left_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    partial_name(path).write_text("left")
    with text_output(path) as file:
        file.write("new")
    assert path.read_text() == "new"
    assert (tmp_path / "out-2.txt").read_text() == "left"
    assert len(list(tmp_path.iterdir())) == 2


def test_checking_leaves_nothing_behind_and_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    check_writable(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_checking_leaves_alone_what_a_killed_run_left(tmp_path: Path) -> None:
    left = partial_name(tmp_path / "out.mp4")
    left.write_text("left")
    check_writable(tmp_path / "out.mp4")
    assert left.read_text() == "left"
    assert list(tmp_path.iterdir()) == [left]


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    for name in ("a.png", "a-2.png"):
        (tmp_path / name).touch()
    assert next_free(tmp_path / "a.png") == tmp_path / "a-3.png"


def test_what_a_killed_run_left_gets_a_name(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    keep_leftover(path)
    partial_name(path).write_text("left")
    keep_leftover(path)
    assert (tmp_path / "out-2.mp4").read_text() == "left"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; name a file"):
        check_writable(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"there is no folder {tmp_path}/missing"):
        check_writable(tmp_path / "missing/out.txt")


def test_a_file_in_the_place_of_the_folder_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="there is no folder"):
        check_writable(tmp_path / "file/out.txt")


def test_a_folder_that_takes_no_files_is_refused() -> None:
    # no one, not even root, can write into /proc
    with pytest.raises(UsageError, match=r"cannot write /proc/out.txt: .*choose another place"):
        check_writable(Path("/proc/out.txt"))


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="File name too long"):
        check_writable(tmp_path / ("n" * 250 + ".jsonl"))
