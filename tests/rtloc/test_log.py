"""What is logged is said on stderr, and harms nothing where that cannot be."""

from __future__ import annotations

import logging
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from full_disk import full_disk

from rtloc.log import EchoHandler


def record(level: int) -> logging.LogRecord:
    return logging.LogRecord("rtloc", level, "", 0, "the disk is %s", ("full",), None)


def test_a_record_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    for level in (logging.INFO, logging.WARNING):
        EchoHandler().emit(record(level))
    assert capsys.readouterr().err == "rtloc: the disk is full\nrtloc: warning: the disk is full\n"


def test_a_full_disk_under_stderr_ends_nothing(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as file, full_disk(20), redirect_stderr(file):
        for _ in range(3):
            EchoHandler().emit(record(logging.WARNING))
    assert (tmp_path / "log").read_text().startswith("rtloc: warning: the ")
