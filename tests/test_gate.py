"""The gate of `make perf` lets a ratio through up to its limit, and none above."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GATE = Path(__file__).parents[1] / "benchmarks" / "gate.py"


@pytest.mark.parametrize(("limit", "code"), [("0.0001", 1), ("10000", 0)])
def test_the_gate_holds_its_limit(limit: str, code: int) -> None:
    command = [sys.executable, GATE, "--limit", limit, "--rounds", "1", "--calls", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    assert f"limit {float(limit):g}" in done.stdout
