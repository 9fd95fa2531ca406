"""`make model` with stand-ins for what takes a day: it skips what is done, and goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# writes what was asked for, and stops in the run or average that STOP_AT names
STAND_IN = """#!/bin/sh
echo "$@" >> asked.txt
for word in "$@"; do
  case "$word" in runs/model*.onnx|runs/*.part.pt) out=$word ;; esac
done
case "$1" in
  train) mkdir -p "${out%.onnx}" && touch "${out%.onnx}/last.pt" ;;
  export) exit 0 ;;
  *) touch "$out" ;;
esac
test "$out" = "$STOP_AT" && exit 130
touch "$out"
"""
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")


def make_model(folder: Path, stop_at: str = "") -> tuple[int, list[str]]:
    """Run `make model`; return its exit code and what was asked for."""
    asked = folder / "asked.txt"
    asked.write_text("")
    done = subprocess.run(
        ["make", "model", "DEV_VENV=venv"],
        cwd=folder,
        env={**os.environ, "STOP_AT": stop_at},
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, asked.read_text().splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "venv/bin").mkdir(parents=True)
    for name in ("rtloc", "python"):
        (tmp_path / "venv/bin" / name).write_text(STAND_IN)
        (tmp_path / "venv/bin" / name).chmod(0o755)
    (tmp_path / "venv/installed").touch()
    return tmp_path


def test_what_is_finished_is_skipped_and_a_stopped_run_goes_on(folder: Path) -> None:
    code, whole = make_model(folder)
    assert code == 0
    assert not any("--resume" in line for line in whole)
    assert sum(line.startswith("train") for line in whole) > 20
    assert make_model(folder) == (0, whole[-3:])  # only the three forms are written again
    shutil.rmtree(folder / "runs")

    code, begun = make_model(folder, "runs/model5.onnx")
    assert code != 0
    assert begun == whole[: len(begun)]
    code, rest = make_model(folder)
    assert code == 0
    assert " --resume " in rest[0]
    assert rest[0].replace(" --resume", "") == begun[-1]
    assert rest[1:] == whole[len(begun) :]


def test_an_average_that_was_stopped_is_made_again(folder: Path) -> None:
    _, begun = make_model(folder, "runs/between12.part.pt")
    code, rest = make_model(folder)
    assert code == 0
    assert rest[0] == begun[-1]
    assert (folder / "runs/between12.pt").exists()
