"""Write what was found, frame by frame, as JSON lines or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rtloc.detections import Detections
from rtloc.errors import RtlocError, UsageError
from rtloc.growing import text_output

Record = Callable[[Mapping[str, object], Detections], None]
CSV_COLUMNS = ("label", "score", "x1", "y1", "x2", "y2")


@contextmanager
def open_records(
    path: Path | None,
    labels: Sequence[str],
    about: Sequence[str],
    *,
    tracked: bool = False,
    beside: bool = False,
) -> Iterator[Record]:
    """Open a file of records; yield a function that writes one picture's.

    Its arguments: what identifies the picture (a value for each name of `about`, such as index and
    time_s) and the detections. A `.jsonl` file has one object per picture, a `.csv` file one row
    per detection. The file takes its name when all is written; cut off, what is there is kept. One
    without a picture is not written at all, and what was there stays.
    tracked: whether a .csv file has a column for the tracks' numbers. beside: as of
    `rtloc.growing.growing_file`. Without a path nothing is written.

    Raises:
        UsageError: the ending is neither .jsonl nor .csv, or the folder is missing or read-only.
        RtlocError: the file cannot be written any more; the function raises it, too.
    """
    if path is None:
        yield lambda picture, detections: None
        return
    if path.suffix.lower() not in {".jsonl", ".csv"}:
        raise UsageError(f"cannot write records to {path}; end its name in .jsonl or .csv")
    with text_output(path, beside=beside) as file:
        if path.suffix.lower() == ".csv":
            columns = [*about, *CSV_COLUMNS, *(["track"] if tracked else [])]
            record = csv_writer(file, labels, columns)
        else:
            record = json_writer(file, labels)

        def write(picture: Mapping[str, object], detections: Detections) -> None:
            try:
                record(picture, detections)
            except OSError as error:
                raise RtlocError(f"cannot write {path}: {error.strerror}") from error

        yield write


def json_writer(file: TextIO, labels: Sequence[str]) -> Record:
    """Return a function that writes one JSON object a line."""

    def write(picture: Mapping[str, object], detections: Detections) -> None:
        found: list[dict[str, object]] = [
            {"label": labels[i], "score": round(score, 4), "box": [round(x, 2) for x in box]}
            for box, score, i in rows(detections)
        ]
        if detections.track_ids is not None:
            for one, number in zip(found, detections.track_ids.tolist(), strict=True):
                one["track"] = number
        # at once: of what json.dump writes bit by bit a signal may cut off a part
        file.write(json.dumps({**picture, "detections": found}, ensure_ascii=False) + "\n")

    return write


def csv_writer(file: TextIO, labels: Sequence[str], columns: Sequence[str]) -> Record:
    """Return a function that writes one row a detection, below the names of the columns."""
    writer = csv.writer(file)
    is_begun = False

    def write(picture: Mapping[str, object], detections: Detections) -> None:
        nonlocal is_begun
        if not is_begun:  # a file of nothing but names would take the place of an earlier one
            writer.writerow(columns)
            is_begun = True
        for n, (box, score, i) in enumerate(rows(detections)):
            values = [f"{score:.4f}", *(f"{x:.2f}" for x in box)]
            number = [] if detections.track_ids is None else [int(detections.track_ids[n])]
            writer.writerow([*picture.values(), labels[i], *values, *number])

    return write


def rows(detections: Detections) -> Iterator[tuple[list[float], float, int]]:
    """Yield (box, score, class id) of each detection, as plain numbers."""
    yield from zip(
        detections.boxes.tolist(),
        detections.scores.tolist(),
        detections.class_ids.tolist(),
        strict=True,
    )
