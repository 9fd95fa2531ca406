"""Reading COCO sets, good ones and bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from train.coco_set import read_coco
from train.errors import TrainError
from train.samples import Sample

LABELS = ("cat", "dog")


def coco(**changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 7, "file_name": "a/one.png", "width": 40, "height": 30},
            {"id": 9, "file_name": "two.png", "width": 20, "height": 30},
        ],
        "categories": [{"id": 3, "name": "Dog"}, {"id": 5, "name": "owl"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1.5, 2, 10, 20]},
            {"id": 2, "image_id": 7, "category_id": 3, "bbox": [30, 20, 20, 20]},
            {"id": 3, "image_id": 7, "category_id": 5, "bbox": [1, 2, 10, 20]},
            {"id": 4, "image_id": 7, "category_id": 5, "bbox": [0, 0, 9, 9], "iscrowd": 1},
            {"id": 5, "image_id": 9, "category_id": 3, "bbox": [25, 0, 9, 9]},
        ],
        **changes,
    }


def write(folder: Path, data: object) -> Path:
    (folder / "a").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "a/one.png"), np.full((30, 40, 3), 200, np.uint8))
    cv2.imwrite(str(folder / "two.png"), np.zeros((30, 20, 3), np.uint8))
    path = folder / "set.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def first_of(path: Path) -> Sample:
    return next(iter(read_coco(path, LABELS).cases))[1]


def test_boxes_are_cut_and_matched_by_name(tmp_path: Path) -> None:
    pictures = read_coco(write(tmp_path, coco()), LABELS)
    assert pictures.unknown == ("owl",)
    (first, one), (second, two) = pictures.cases
    assert (first, second, pictures.count) == ("a/one.png", "two.png", 2)
    assert one.image.shape == (30, 40, 3)
    assert one.boxes.tolist() == [[1.5, 2, 11.5, 22], [30, 20, 40, 30]]
    assert one.boxes.dtype == np.float32
    assert one.class_ids.tolist() == [1, 1]
    assert len(two.boxes) == 0  # its box lies outside


def test_pictures_may_lie_in_a_folder_images_beside_the_set(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    path = write(tmp_path, coco())
    for name in ("a", "two.png"):
        (tmp_path / name).rename(tmp_path / "images" / name)
    assert first_of(path).image.shape == (30, 40, 3)


def test_a_picture_with_a_crowd_of_what_is_looked_for_is_left_out(tmp_path: Path) -> None:
    data = coco()
    data["annotations"].append(
        {"id": 6, "image_id": 7, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1}
    )
    pictures = read_coco(write(tmp_path, data), LABELS, count=1)
    assert [name for name, _ in pictures.cases] == ["two.png"]
    assert pictures.title.endswith("set.json (1 with a crowd left out)")
    data["annotations"][-1]["image_id"] = 9
    data["annotations"][3]["category_id"] = 3
    with pytest.raises(TrainError, match="names no pictures without a crowd"):
        read_coco(write(tmp_path, data), LABELS)


def test_pictures_may_lie_elsewhere_and_be_fewer(tmp_path: Path) -> None:
    annotations = write(tmp_path, coco()).rename(tmp_path / "a/set.json")
    pictures = read_coco(annotations, LABELS, images=tmp_path, count=1)
    assert [sample.image.shape for _, sample in pictures.cases] == [(30, 40, 3)]


def test_a_picture_is_turned_only_if_it_then_fits(tmp_path: Path) -> None:
    path = write(tmp_path, coco())
    jpeg = cv2.imencode(".jpg", np.zeros((30, 40, 3), np.uint8))[1].tobytes()
    turn = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(turn) + 2).to_bytes(2, "big") + turn
    turned = jpeg[:2] + exif + jpeg[2:]
    (tmp_path / "a/one.png").write_bytes(turned)  # the ending does not matter
    assert cv2.imread(str(tmp_path / "a/one.png")).shape == (40, 30, 3)
    assert first_of(path).image.shape == (30, 40, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("no json", "is no JSON file"),
        ("", "is no JSON file"),
        ([1], "it holds a list"),
        (coco(images=[]), "names no pictures"),
        ({"images": []}, "is no COCO set"),
        (coco(images=[{"id": 1}], annotations=[]), "is no COCO set"),
        (coco(annotations=[{"category_id": 3, "image_id": 7, "bbox": [1, 2]}]), "is no COCO set"),
        (
            coco(categories=[{"id": 3, "name": "owl"}], annotations=[]),
            "has the classes owl; the model knows cat, ",
        ),
        (coco(categories=[]), "is of the category 3, which is not among its categories"),
        (coco(categories=[], annotations=[]), "the model knows cat, dog"),
        (coco(images=coco()["images"][1:]), "is in the picture 7, which is not among its images"),
        (coco(images=2 * [{"id": 7}]), "has two pictures with the id 7"),
    ],
)
def test_what_is_no_set_is_said(tmp_path: Path, data: object, says: str) -> None:
    with pytest.raises(TrainError, match=r"set.json") as error:
        read_coco(write(tmp_path, data), LABELS)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_pictures_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    path = write(tmp_path, coco())
    cv2.imwrite(str(tmp_path / "a/one.png"), np.zeros((31, 40, 3), np.uint8))
    with pytest.raises(TrainError, match=r"one.png is 40×31 px, the annotations say 40×30"):
        first_of(path)
    (tmp_path / "a/one.png").write_bytes(b"nothing")
    with pytest.raises(TrainError, match=r"one.png is no picture that OpenCV reads"):
        first_of(path)
    (tmp_path / "a/one.png").unlink()
    with pytest.raises(TrainError, match=r"no picture at .*one.png; .*--images"):
        first_of(path)
    with pytest.raises(TrainError, match=r"cannot read .*none.json: No such file"):
        read_coco(tmp_path / "none.json", LABELS)
