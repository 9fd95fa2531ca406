"""Run a command in a process of its own and measure that process."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

MIB_PER_UNIT = 2**-20 if sys.platform == "darwin" else 2**-10  # of ru_maxrss


@dataclass(frozen=True)
class Child:
    """A process that has ended well.

    wall_s: from its start to its end; cpu_s: its own time on all cores, that in the kernel
    included; peak_mib: the most memory that it held at once (peak resident set size); output: what
    it printed, stderr included.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float
    stderr: str
    output: str


def run_python(*arguments: str) -> Child:
    """Run this Python with `arguments` and wait for its end."""
    return run([sys.executable, *arguments])


def run(command: Sequence[str]) -> Child:
    """Run a command and wait for its end.

    Raises:
        click.ClickException: it failed.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
    ):
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        output.seek(0)
        text = errors.read()
        printed = output.read()
    if process.returncode:
        raise click.ClickException(f"{' '.join(command)} failed ({process.returncode}): {text}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Child(wall_s, cpu_s, usage.ru_maxrss * MIB_PER_UNIT, text, printed + text)
