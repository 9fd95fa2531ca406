"""Keep a run's log as CSV, and draw its curves."""

import csv
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from train.errors import TrainError, cannot_write
from train.whole_file import whole_file

LOSSES = ("total", "objectness", "box", "giou", "refined", "classes")
FIGURES = ("map50", "map50_95")
SMOOTH_OVER = 20  # lines of the log


def append_row(path: Path, row: dict[str, str]) -> None:
    """Add a line to a CSV file, with a header where it is new.

    Raises:
        TrainError: the folder is gone, or the disk is full; no part of the line stays.
    """
    whole_bytes = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, row)
            if not whole_bytes:
                writer.writeheader()
            writer.writerow(row)
    except OSError as error:
        with suppress(OSError):
            os.truncate(path, whole_bytes)
        raise TrainError(cannot_write(path)) from error


def cut_rows(path: Path, last_step: int) -> None:
    """Drop the lines behind a step: those that a run resumed from there will write again.

    So is one that was cut off, as a run may be that was killed while it wrote.

    Raises:
        TrainError: the log is damaged, or cannot be written.
    """
    if not path.exists():
        return
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if is_whole(row)]
            kept = [row for row in rows if int(row["step"]) <= last_step]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise TrainError(f"{path} is damaged; move it away to go on without it") from error
    if not kept:
        path.unlink()
        return
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, kept[0])
        writer.writeheader()
        writer.writerows(kept)


def is_whole(row: Mapping[str, str | None]) -> bool:
    """Say whether a line of the log has all that every line has."""
    return None not in row.values() and all(row[name] for name in ("step", *LOSSES))


def draw_curves(log: Path, picture: Path) -> None:
    """Draw the losses and the figures of a log over the steps, as a PNG.

    Raises:
        TrainError: it cannot be written.
    """
    from matplotlib.figure import Figure

    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, figures = figure.subplots(1, 2)
    for name in LOSSES:
        values = [float(row[name]) for row in rows]
        means = [
            sum(values[max(0, n - SMOOTH_OVER + 1) : n + 1]) / min(n + 1, SMOOTH_OVER)
            for n in range(len(values))
        ]
        losses.plot([int(row["step"]) for row in rows], means, label=name)
    for name in FIGURES:
        points = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        figures.plot(*zip(*points, strict=True) if points else ([], []), marker="o", label=name)
    losses.set(xlabel="step", ylabel="loss", yscale="log")
    figures.set(xlabel="step", ylabel="held-out pictures", ylim=(0, 1))
    for axes in (losses, figures):
        axes.grid(alpha=0.3)
        axes.legend()
    with whole_file(picture) as partial:
        figure.savefig(partial, dpi=100, format="png")
