"""Read a labelled set in COCO or YOLO form, to train on in place of generated pictures.

Its labels are those of its classes, in the order of their numbers. Mixed with cut-outs, the model
knows the union: the cut-outs' labels first, then those that only the set has; a label is the same
as another that differs in letter case alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from train.coco_set import (
    NOT_COCO,
    boxes_by_picture,
    check_ids,
    load_json,
    no_coco_set,
    picture_at,
    without_crowds,
)
from train.errors import TrainError
from train.labelled_set import LabelledPicture, LabelledSet, labelled_set
from train.yolo_set import YOLO_SUFFIXES, read_yolo


def read_labelled(path: Path, images: Path | None = None) -> LabelledSet:
    """Read a COCO set (its .json) or a YOLO set (its data.yaml).

    images: the folder of a COCO set's pictures; if None they are beside the .json, or in a folder
    `images` there.

    Raises:
        TrainError: it cannot be read, or is neither.
    """
    suffix = path.suffix.lower()
    if suffix == ".json":
        return read_coco_boxes(path, images)
    if suffix in YOLO_SUFFIXES:
        return read_yolo(path)
    raise TrainError(f"{path} is no labelled set; name a COCO .json or a YOLO data.yaml")


def read_coco_boxes(path: Path, images: Path | None = None) -> LabelledSet:
    """Read which pictures a COCO set names, and their boxes; every fifth picture is held out.

    Categories of which there are no boxes are left out, and pictures with a crowd of another one.

    Raises:
        TrainError: the file is no COCO set, or a picture is missing.
    """
    data = load_json(path)
    try:
        check_ids(data, path)
        labels, ids = used_categories(data)
        boxes = boxes_by_picture(data["annotations"], ids)
        pictures = [
            coco_picture(entry, boxes.get(entry["id"], []), path, images)
            for entry in without_crowds(data, ids)[0]
        ]
    except NOT_COCO as error:
        raise TrainError(no_coco_set(path, error)) from error
    if not pictures:
        raise TrainError(f"{path} names no pictures")
    return labelled_set(path, labels, pictures, [])


def used_categories(data: dict[str, Any]) -> tuple[list[str], dict[Any, int]]:
    """Return the labels of the categories that have boxes, and for each category its label's id."""
    names = {category["id"]: str(category["name"]) for category in data["categories"]}
    used = {a["category_id"] for a in data["annotations"] if not a.get("iscrowd")}
    labels = list(dict.fromkeys(names[i] for i in sorted(used)))
    return labels, {i: labels.index(names[i]) for i in used}


def coco_picture(
    entry: Mapping[str, Any],
    rows: Sequence[tuple[Sequence[float], int]],
    path: Path,
    images: Path | None,
) -> LabelledPicture:
    """Return one of a COCO set's pictures.

    Raises:
        ValueError: it has no size.
        TrainError: it is missing.
    """
    name = str(entry["file_name"])
    width, height = int(entry["width"]), int(entry["height"])
    if min(width, height) < 1:
        raise ValueError(f"{name} is {width}×{height} px")
    file = picture_at(name, path, images)
    if not file.is_file():
        raise TrainError(
            f"no picture at {file}; name the folder of the pictures with --labelled-images"
        )
    boxes = np.array([box for box, _ in rows], np.float64).reshape(-1, 4)
    parts = (boxes / (width, height, width, height)).clip(0, 1).astype(np.float32)
    class_ids = np.array([class_id for _, class_id in rows], np.int64)
    return LabelledPicture(file, parts, class_ids, (width, height))


def with_labels(data: LabelledSet, labels: Sequence[str]) -> LabelledSet:
    """Return the set with its class ids among `labels`, followed by those that only it has."""
    known = list(labels)
    by_name = {label.casefold(): n for n, label in enumerate(known)}
    for label in data.labels:
        if label.casefold() not in by_name:
            by_name[label.casefold()] = len(known)
            known.append(label)
    ids = np.array([by_name[label.casefold()] for label in data.labels], np.int64)
    training, held_out = (
        [replace(p, class_ids=ids[p.class_ids]) for p in part]
        for part in (data.training, data.held_out)
    )
    return replace(data, labels=tuple(known), training=training, held_out=held_out)
