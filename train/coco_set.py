"""Read a COCO data set: one JSON file of annotations, and a folder of pictures.

The format: https://cocodataset.org/#format-data. Pictures with a crowd are left out: what is found
in it is neither right nor wrong.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError
from train.photos import spread
from train.picture_file import decoded
from train.picture_set import PictureSet
from train.samples import Sample

# what reading a file of another kind may raise
NOT_COCO = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def read_coco(
    path: Path, labels: Sequence[str], images: Path | None = None, count: int | None = None
) -> PictureSet:
    """Open a COCO set; its pictures are read one by one.

    All count: a model that was trained on the set has learnt from most of them.

    labels: the model's, to which the set's categories are matched by name, letter case aside;
    images: as in `picture_at`; count: how many pictures at most, spread over the set: sets are
    often in the order of their classes, or of films.

    Raises:
        TrainError: the file cannot be read or is no COCO set, or no category fits a label.
    """
    data = load_json(path)
    try:
        check_ids(data, path)
        ids, unknown = match_categories(data["categories"], labels, path)
        boxes = boxes_by_picture(data["annotations"], ids)
        pictures, crowded = without_crowds(data, ids)
        entries = [
            (
                str(entry["file_name"]),
                (int(entry["width"]), int(entry["height"])),
                boxes.get(entry["id"], []),
            )
            for entry in spread(pictures, count or len(pictures))
        ]
    except NOT_COCO as error:
        raise TrainError(no_coco_set(path, error)) from error
    if not entries:
        raise TrainError(f"{path} names no pictures{' without a crowd' if crowded else ''}")

    cases = (
        (name, sample_of(picture_at(name, path, images), wh, known)) for name, wh, known in entries
    )
    title = f"{len(entries)} pictures of {path}"
    if crowded:
        title += f" ({crowded} with a crowd left out)"
    return PictureSet(title, cases, len(entries), unknown=unknown)


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        TrainError: it cannot be read, or holds something else.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TrainError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise TrainError(f"{path} is no JSON file: {error}") from error
    if not isinstance(data, dict):
        raise TrainError(f"{path} is no COCO set: it holds a {type(data).__name__}, no object")
    return data


def no_coco_set(path: Path, error: Exception) -> str:
    """Say why a file is no COCO set."""
    why = f"something in it has no {error}" if isinstance(error, KeyError) else str(error)
    return f"{path} is no COCO set of boxes: {why}"


def check_ids(data: Mapping[str, Any], path: Path) -> None:
    """Make sure that boxes tell whose they are.

    Raises:
        TrainError: two pictures have one id, or a box is of a category or in a picture that is
            not there.
    """
    pictures = Counter(entry["id"] for entry in data["images"])
    if twice := [number for number, count in pictures.items() if count > 1]:
        raise TrainError(f"{path} has two pictures with the id {twice[0]}; mend one of them")
    known = {category["id"] for category in data["categories"]}
    for annotation in data["annotations"]:
        if annotation["category_id"] not in known:
            raise TrainError(
                f"{path}: the annotation {annotation.get('id')} is of the category "
                f"{annotation['category_id']}, which is not among its categories"
            )
        if pictures and annotation["image_id"] not in pictures:
            raise TrainError(
                f"{path}: the annotation {annotation.get('id')} is in the picture "
                f"{annotation['image_id']!r}, which is not among its images; mend or remove it"
            )


def match_categories(
    categories: Sequence[Mapping[str, Any]], labels: Sequence[str], path: Path
) -> tuple[dict[Any, int], tuple[str, ...]]:
    """Return the label's id for each category's, and the names that no label fits.

    Raises:
        TrainError: none fits.
    """
    by_label = {label.casefold(): n for n, label in enumerate(labels)}
    names = {category["id"]: str(category["name"]) for category in categories}
    ids = {i: by_label[n.casefold()] for i, n in names.items() if n.casefold() in by_label}
    unknown = tuple(name for i, name in names.items() if i not in ids)
    if not ids:
        raise TrainError(
            f"{path} has the classes {', '.join(unknown) or 'of no name'}; "
            f"the model knows {', '.join(labels)}"
        )
    return ids, unknown


def without_crowds(
    data: Mapping[str, Any], ids: Mapping[Any, int]
) -> tuple[list[Mapping[str, Any]], int]:
    """Return a set's pictures that have no crowd of these categories, and how many have one."""
    crowded = {
        a["image_id"] for a in data["annotations"] if a.get("iscrowd") and a["category_id"] in ids
    }
    kept = [entry for entry in data["images"] if entry["id"] not in crowded]
    return kept, len(data["images"]) - len(kept)


def boxes_by_picture(
    annotations: Sequence[Mapping[str, Any]], ids: Mapping[Any, int]
) -> dict[Any, list[tuple[list[float], int]]]:
    """Return the boxes x1 y1 x2 y2 and class ids of each picture's id."""
    boxes: dict[Any, list[tuple[list[float], int]]] = {}
    for annotation in annotations:
        if annotation["category_id"] not in ids or annotation.get("iscrowd"):
            continue
        x, y, width, height = (float(side) for side in annotation["bbox"])
        row = [x, y, x + width, y + height], ids[annotation["category_id"]]
        boxes.setdefault(annotation["image_id"], []).append(row)
    return boxes


def picture_at(name: str, path: Path, images: Path | None) -> Path:
    """Return where a set's picture lies: in the folder `images`.

    If that is None it lies beside the set, or in a folder `images` there.
    """
    folders = [path.parent, path.parent / "images"] if images is None else [images]
    tries = [folder / name for folder in folders]
    return next((one for one in tries if one.is_file()), tries[0])


def sample_of(
    path: Path, picture_wh: tuple[int, int], known: Sequence[tuple[Sequence[float], int]]
) -> Sample:
    """Read a picture, and cut its boxes at its edges; those with nothing inside are left out.

    Raises:
        TrainError: the picture cannot be read, or is not as large as the set says.
    """
    boxes = np.array([box for box, _ in known], np.float32).reshape(-1, 4)
    boxes = boxes.clip(0, np.array(picture_wh * 2, np.float32))
    inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    class_ids = np.array([class_id for _, class_id in known], np.int64)
    return Sample(read_as_large(path, picture_wh), boxes[inside], class_ids[inside])


def read_as_large(path: Path, picture_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a picture, uint8 [H, W, 3] BGR, turned as its EXIF data says only if it then fits.

    Raises:
        TrainError: it cannot be read, or is not of that width and height.
    """
    width, height = picture_wh
    if not path.is_file():
        raise TrainError(
            f"no picture at {path}; put it there, or name the folder of the set's pictures "
            "(--images, of rtloc train --labelled-images)"
        )
    image = decoded(path, cv2.IMREAD_COLOR)
    if image is None:
        raise TrainError(f"{path} is no picture that OpenCV reads")
    if image.shape[:2] != (height, width):
        unturned = decoded(path, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        image = image if unturned is None else unturned
    if image.shape[:2] != (height, width):
        has = f"{image.shape[1]}×{image.shape[0]} px"
        raise TrainError(f"{path} is {has}, the annotations say {width}×{height}")
    return image.astype(np.uint8, copy=False)
