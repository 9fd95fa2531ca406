"""Locks that hold while a process writes, by either way of taking them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rtloc.locks import lock, lock_beside

Lock = Callable[[Path], Callable[[], None] | None]
EITHER = pytest.mark.parametrize("take", [lock, lock_beside])
HOLDS = """
import sys
from pathlib import Path
from rtloc import locks
free = getattr(locks, sys.argv[2])(Path(sys.argv[1]))
print(free is not None, flush=True)
input()
"""


@EITHER
def test_one_has_it_until_it_is_freed(tmp_path: Path, take: Lock) -> None:
    path = tmp_path / "a"
    free = take(path)
    assert free is not None
    assert path.exists()
    assert take(path) is None
    free()
    again = take(path)
    assert again is not None
    again()
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


@EITHER
def test_a_killed_process_holds_it_no_longer(tmp_path: Path, take: Lock) -> None:
    path = tmp_path / "a"
    command = [sys.executable, "-c", HOLDS, str(path), take.__name__]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    assert take(path) is None
    other.kill()
    other.communicate(timeout=30)
    free = take(path)
    assert free is not None
    free()
