"""How many cores there are, and what the processor is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.cores import processor_name, usable_cores

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_only_the_cores_that_this_process_may_use_count() -> None:
    own = os.sched_getaffinity(0)
    assert usable_cores() == len(own)
    os.sched_setaffinity(0, {min(own)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, own)


def test_nobody_else_counts_the_cores_of_the_machine() -> None:
    counting = {
        path.name
        for package in ("engines", "rtloc", "train")
        for path in (ROOT / package).rglob("*.py")
        if "os.cpu_count" in path.read_text(encoding="utf-8")
    }
    assert counting == {"cores.py"}


def test_the_processor_has_a_name_in_one_line() -> None:
    assert processor_name().strip() == processor_name() != ""
    assert "\n" not in processor_name()
