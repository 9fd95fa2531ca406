"""Read a YOLO data set: a data.yaml, and a text file of boxes for each picture.

The format: https://docs.ultralytics.com/datasets/detect. A row of a text file is a class number,
then the box's centre x, centre y, width and height as parts of the picture's; or, where it has more
numbers, the corners of an outline, whose bounding box counts.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.data_set import hold_out
from train.errors import TrainError
from train.labelled_set import LabelledPicture, LabelledSet, labelled_set
from train.photos import PHOTO_SUFFIXES
from train.picture_file import files_below

YOLO_SUFFIXES = {".yaml", ".yml"}
HELD_OUT = "every fifth of train, which training holds out"
BOX_NUMBERS = 4
ROUNDED = 1e-3  # so far outside 0..1 a number may lie that was rounded on its way


def read_yolo(path: Path) -> LabelledSet:
    """Read which pictures a data.yaml names, and their boxes.

    Without a part to validate on, every fifth picture is held out.

    Raises:
        TrainError: a file is missing, or does not hold what it should.
    """
    data = load_yaml(path)
    labels = names_of(data, path)
    training = pictures_of(data, "train", path, labels)
    held_out = pictures_of(data, "val", path, labels) if data.get("val") else []
    return labelled_set(path, labels, training, held_out)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; its names are words, whatever they look like.

    Raises:
        TrainError: it cannot be read, or holds something else.
    """
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
    except OSError as error:
        raise TrainError(f"cannot read {path}: {error.strerror}") from error
    # a value that is not of its own kind, and lists in lists without end, raise nearly anything
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        raise TrainError(f"{path} is no YAML file: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise TrainError(f"{path} is no YOLO set: it holds no `train:` and `names:`")
    if data.get("names"):
        # YAML takes labels such as no and 007 for a truth value and a number
        data["names"] = yaml.load(text, yaml.BaseLoader).get("names", data["names"])
    return data


def names_of(data: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Return the labels, which are a list, or a mapping from 0, 1, 2, …

    Raises:
        TrainError: they are neither.
    """
    names = data.get("names")
    if isinstance(names, dict):
        by_number = {str(number): name for number, name in names.items()}
        numbers = [str(n) for n in range(len(names))]
        names = [by_number[n] for n in numbers] if set(by_number) == set(numbers) else None
    if not isinstance(names, list) or not names:
        raise TrainError(f"{path} has no `names:`; list the labels there, that of class 0 first")
    return tuple(str(name) for name in names)


def pictures_of(
    data: dict[str, Any], part: str, path: Path, labels: Sequence[str]
) -> list[LabelledPicture]:
    """Read the pictures of a part, `train` or `val`.

    Raises:
        TrainError: there are none, or a file of boxes is damaged.
    """
    return with_boxes(paths_of(data, part, path), labels)


def with_boxes(pictures: Sequence[Path], labels: Sequence[str]) -> list[LabelledPicture]:
    """Read the boxes of pictures.

    Raises:
        TrainError: a file of boxes is damaged.
    """
    return [LabelledPicture(one, *read_rows(label_path(one), labels)) for one in pictures]


def held_out_of(data: dict[str, Any], path: Path) -> tuple[list[Path], str]:
    """Return the pictures that training on the set would hold out, and what they are, for people.

    Raises:
        TrainError: there are none.
    """
    if data.get("val"):
        named = paths_of(data, "val", path)
        if not is_all_of_training(named, data, path):
            return named, "val"
    training = paths_of(data, "train", path)
    return hold_out(training, path, "labelled picture")[1], HELD_OUT


def is_all_of_training(pictures: Sequence[Path], data: dict[str, Any], path: Path) -> bool:
    """Say whether the set's pictures to train on are the very same ones."""
    try:
        training = paths_of(data, "train", path)
    except TrainError:  # those of a set that is only measured on need not be here
        return False
    return {one.resolve() for one in pictures} == {one.resolve() for one in training}


def paths_of(data: dict[str, Any], part: str, path: Path) -> list[Path]:
    """Find the pictures of a part, `train` or `val`: folders of them, or lists in text files.

    Raises:
        TrainError: there are none.
    """
    places = data.get(part)
    if not places:
        raise TrainError(f"{path} has no `{part}:`; name the folder of the pictures there")
    found: list[Path] = []
    for place in places if isinstance(places, list) else [places]:
        found += pictures_at(resolved(str(place), data, path), path)
    if not found:
        raise TrainError(f"no pictures in {places} of {path}")
    return found


def resolved(place: str, data: dict[str, Any], path: Path) -> Path:
    """Return where a place lies that data.yaml names, from its `path:` or its own folder."""
    root = path.parent / str(data.get("path") or "")
    if not root.exists():  # made on another machine, or to be read in another folder
        root = path.parent
    # Roboflow writes "../train" for a folder beside data.yaml
    tries = [root / place, path.parent / place, root / place.removeprefix("../")]
    return next((one for one in tries if one.exists()), tries[0])


def pictures_at(place: Path, path: Path) -> list[Path]:
    """Return the pictures in a folder and below, or those that a text file lists, in order.

    Raises:
        TrainError: nothing is there.
    """
    if place.is_dir():
        return files_below(place, PHOTO_SUFFIXES)
    if not place.is_file():
        raise TrainError(f"{path} names {place}, and nothing is there; mend its `path:`")
    try:
        lines = place.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"cannot read {place} as a list of pictures") from error
    return [place.parent / line.strip() for line in lines if line.strip()]


def label_path(picture: Path) -> Path:
    """Return a picture's file of boxes: `labels` stands for the last `images` in its path."""
    parts = list(picture.with_suffix(".txt").parts)
    for n in reversed(range(len(parts) - 1)):
        if parts[n] == "images":
            parts[n] = "labels"
            break
    return Path(*parts)


def read_rows(path: Path, labels: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read a file of boxes; without one the picture has none.

    Returns boxes, float32 [N, 4], x1 y1 x2 y2 as parts of the picture, and class ids, int64 [N].

    Raises:
        TrainError: a row is not what it should be.
    """
    rows = list(numbers_of(path)) if path.is_file() else []
    boxes = np.zeros((len(rows), 4), np.float32)
    class_ids = np.zeros(len(rows), np.int64)
    for n, (line, row) in enumerate(rows):
        where = f"{path}, line {line}"
        if row[0] not in range(len(labels)):
            raise TrainError(f"{where}: there is no class {row[0]:g}, only 0 to {len(labels) - 1}")
        if not all(-ROUNDED <= number <= 1 + ROUNDED for number in row[1:]):
            raise TrainError(f"{where}: boxes are parts of the picture, each number from 0 to 1")
        class_ids[n] = int(row[0])
        boxes[n] = box_of(row[1:])
    return boxes.clip(0, 1), class_ids


def numbers_of(path: Path) -> Iterator[tuple[int, list[float]]]:
    """Yield each row's line number and numbers.

    Raises:
        TrainError: it cannot be read, or a row has no five numbers.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainError(f"cannot read {path} as a file of boxes") from error
    for n, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = [float(number) for number in line.split()]
        except ValueError:
            row = []
        if len(row) < 1 + BOX_NUMBERS or len(row) % 2 == 0:
            raise TrainError(f"{path}, line {n} is not `class x y width height`: {line.strip()!r}")
        yield n, row


def box_of(numbers: Sequence[float]) -> list[float]:
    """Return x1 y1 x2 y2 of a box given by centre and sides, or of an outline given by corners."""
    if len(numbers) == BOX_NUMBERS:
        x, y, width, height = numbers
        return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    xs, ys = numbers[::2], numbers[1::2]
    return [min(xs), min(ys), max(xs), max(ys)]
