"""Open a YOLO data set to measure a model on it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from train.coco_set import match_categories
from train.labelled_set import LabelledPicture, whole
from train.photos import spread
from train.picture_set import PictureSet
from train.samples import Sample
from train.yolo_set import held_out_of, load_yaml, names_of, with_boxes


def open_yolo(path: Path, labels: Sequence[str], count: int | None = None) -> PictureSet:
    """Open what training on a data.yaml would hold out; pictures are read one by one.

    That is its `val`, or every fifth of `train` where there is none. A model that was trained on
    the set learnt from none of them; but they chose its weights, and its threshold.

    labels: the model's, to which the set's are matched by name, letter case aside; count: how many
    pictures at most, spread over them, as in `read_coco`.

    Raises:
        TrainError: a file is missing, or does not hold what it should, or no name fits a label.
    """
    data = load_yaml(path)
    names = names_of(data, path)
    categories = [{"id": n, "name": name} for n, name in enumerate(names)]
    ids, unknown = match_categories(categories, labels, path)
    held_out, part = held_out_of(data, path)
    pictures = with_boxes(spread(held_out, count or len(held_out)), names)
    cases = ((picture.path.name, sample_of(whole(picture), ids)) for picture in pictures)
    title = f"{len(pictures)} pictures ({part}) of {path}"
    return PictureSet(title, cases, len(pictures), unknown=unknown)


def sample_of(picture: LabelledPicture, ids: Mapping[int, int]) -> Sample:
    """Read a picture and its boxes of known classes; ids: of the labels, by the set's own.

    Raises:
        TrainError: it cannot be read.
    """
    image, (width, height) = picture.read(sys.maxsize)
    known = np.isin(picture.class_ids, list(ids))
    boxes = picture.boxes_norm[known] * np.array([width, height] * 2, np.float32)
    class_ids = [ids[int(class_id)] for class_id in picture.class_ids[known]]
    return Sample(image, boxes, np.array(class_ids, np.int64))
