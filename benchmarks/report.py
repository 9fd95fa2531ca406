"""What the benchmarks share: the machine, ratios of interleaved rounds, Markdown sections."""

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

from engines.cores import processor_name, usable_cores
from rtloc.bench.machine import installed, system
from rtloc.bench.report import markdown_table as table

__all__ = ("machine", "publish", "ratios", "spread", "table")
LIBRARIES = ("rtloc", "numpy", "opencv-python", "av", "openvino", "onnxruntime")


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Divide round by round, so that what slows the machine for a while slows both sides."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Write the median with the least and the greatest value."""
    low, high = min(values), max(values)
    return f"**{median(values):.{digits}f}** ({low:.{digits}f}..{high:.{digits}f})"


def machine() -> str:
    """Name the CPU, the system and the versions of the libraries, in two lines."""
    libraries = ", ".join(f"{name} {installed(name) or '(not installed)'}" for name in LIBRARIES)
    return (
        f"{processor_name()}, {usable_cores()} cores, {system()}; "
        f"load average {os.getloadavg()[0]:.1f}.\n"
        f"Python {platform.python_version()}, {libraries}."
    )


def publish(title: str, before: str, body: str, out: Path | None) -> None:
    """Print a Markdown section and, where asked, write it to `out`, whole or not at all.

    before: the machine, as `machine()` names it before the measuring begins.
    """
    command = shlex.join(["python", *sys.argv])
    text = f"    {command}\n\n## {title}\n\n{before}\n\n{body}\n"
    click.echo(text)
    if out:
        partial = out.with_name(f".{out.name}.part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)
