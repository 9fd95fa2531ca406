"""A run's folder: one run at a time writes in it, and none over another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rtloc.commands.run_folder import check_unused, held_folder
from rtloc.errors import RtlocError, UsageError


def test_where_nothing_was_written_nothing_is_left(tmp_path: Path) -> None:
    for _ in range(2):
        with held_folder(tmp_path / "runs/new"):
            assert (tmp_path / "runs/new").is_dir()
        assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    with held_folder(tmp_path / "runs/new"):
        pass
    assert [one.name for one in tmp_path.rglob("*")] == ["runs"]
    with held_folder(tmp_path / "runs/new"):
        (tmp_path / "runs/new/last.pt").write_bytes(b"a run")
    assert [one.name for one in (tmp_path / "runs/new").iterdir()] == ["last.pt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", "utf-8")
    told = r"cannot write in .*file/run: Not a directory; name another folder with --run"
    with pytest.raises(RtlocError, match=told), held_folder(tmp_path / "file/run"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")
def test_two_runs_are_not_under_way_in_one_folder(tmp_path: Path) -> None:
    code = "from test_run_folder import hold; hold()"
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    here = Path(__file__).parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=here) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == b"held\n"
        told = r"another run is under way in .*run; wait for it"
        with pytest.raises(RtlocError, match=told), held_folder(tmp_path / "run"):
            pass
        one.kill()  # what it held is free, whatever it has left there
    with held_folder(tmp_path / "run"):
        pass
    assert list((tmp_path / "run").iterdir()) == []


def hold() -> None:
    with held_folder(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("last.pt", "holds a run already; add --resume, or name another with --run"),
        ("best.pt", "holds the best.pt of a run; move it away"),
    ],
)
def test_a_folder_with_a_run_in_it_is_not_begun_in(tmp_path: Path, name: str, told: str) -> None:
    check_unused(tmp_path / "none")
    check_unused(tmp_path)
    (tmp_path / name).write_bytes(b"a run")
    with pytest.raises(UsageError, match=told):
        check_unused(tmp_path)
