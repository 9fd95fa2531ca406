"""Training on labelled pictures: reading sets, the pictures made of them, mixing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engines.model_file import input_wh
from rtloc.commands.train import warnings_of
from rtloc.letterbox import letterbox
from train.batches import GeneratedBatches
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS, HELD_OUT_PHOTOS, PHOTOS
from train.errors import TrainError
from train.generator import BAR_GREY, picture_maker
from train.labelled import read_labelled, with_labels
from train.labelled_maker import LabelledMaker, MixedMaker, fitted, labelled_maker, plain
from train.labelled_set import (
    LabelledPicture,
    LabelledSet,
    labelled_set,
    load_pictures,
    warnings_of_boxes,
)
from train.photos import load_photos
from train.recipe import Recipe
from train.samples import Sample
from train.stages import MANY_OBJECTS, Stage
from train.training_data import LabelledData, load_training_data
from train.yolo_measured import open_yolo

WHITE, BLUE = (255, 255, 255), (255, 0, 0)
Paint = Callable[..., Path]


def paint(path: Path, width: int = 100, height: int = 80, box: tuple[int, ...] = ()) -> Path:
    """Write a dark green picture with a white box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full((height, width, 3), (0, 60, 0), np.uint8)
    if box:
        x1, y1, x2, y2 = box
        image[y1:y2, x1:x2] = WHITE
    assert cv2.imwrite(str(path), image)
    return path


def coco(count: int = 6, **changes: Any) -> dict[str, Any]:
    return {
        "images": [
            {"id": 10 * n, "file_name": f"{n}.png", "width": 100, "height": 80}
            for n in range(count)
        ],
        "categories": [{"id": i, "name": name} for i, name in ((9, "dog"), (2, "cat"), (4, "owl"))],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 9, "bbox": [10, 20, 50, 40]},
            {"id": 2, "image_id": 0, "category_id": 2, "bbox": [-10, 0, 20, 8]},
            {"id": 3, "image_id": 20, "category_id": 9, "bbox": [50, 40, 0, 10]},
            {"id": 4, "image_id": 20, "category_id": 4, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        ],
        **changes,
    }


def write_coco(folder: Path, data: object = None, pictures: str = ".") -> Path:
    for n in range(6):
        paint(folder / pictures / f"{n}.png")
    path = folder / "set.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data or coco()), "utf-8")
    return path


def write_yolo(folder: Path, rows: str = "0 0.5 0.5 0.2 0.1\n", **changes: Any) -> Path:
    for n in range(3):
        paint(folder / f"images/train/{n}.png")
        (folder / "labels/train").mkdir(parents=True, exist_ok=True)
        (folder / f"labels/train/{n}.txt").write_text(rows if n == 0 else "", "utf-8")
    paint(folder / "images/val/0.png")  # no file of boxes: there are none
    data = {"train": "images/train", "val": "images/val", "names": ["cat", "dog"], **changes}
    path = folder / "data.yaml"
    path.write_text(json.dumps({k: v for k, v in data.items() if v is not None}), "utf-8")
    return path


# reading


def test_a_picture_of_both_parts_is_measured_on_only(tmp_path: Path) -> None:
    pictures = [
        LabelledPicture(tmp_path / f"{n}.png", np.array([[0, 0, 1, 1]], np.float32), np.array([0]))
        for n in range(4)
    ]
    data = labelled_set(tmp_path / "data.yaml", ["cat"], pictures[:3], pictures[2:])
    assert [p.path.name for p in data.training] == ["0.png", "1.png"]
    assert [p.path.name for p in data.held_out] == ["2.png", "3.png"]


def test_a_picture_of_both_parts_is_known_by_any_path(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/val.txt").write_text("../images/train/1.png\n../images/val/0.png", "utf-8")
    data = read_labelled(write_yolo(tmp_path, val="lists/val.txt"))
    assert [p.path.name for p in data.training] == ["0.png", "2.png"]
    (tmp_path / "linked").symlink_to(tmp_path / "images/train")
    data = read_labelled(write_yolo(tmp_path, val="linked"))
    assert [p.path.name for p in data.training] == ["0.png", "2.png"]
    assert [p.path.name for p in data.held_out] == ["1.png"]


def test_a_folder_to_validate_on_may_lie_in_the_one_to_train_on(tmp_path: Path) -> None:
    data = read_labelled(write_yolo(tmp_path, train="images"))
    assert [str(p.path.relative_to(tmp_path)) for p in data.training] == [
        f"images/train/{n}.png" for n in range(3)
    ]
    assert [str(p.path.relative_to(tmp_path)) for p in data.held_out] == ["images/val/0.png"]
    (tmp_path / "val.txt").write_text("images/train/2.png", "utf-8")
    data = read_labelled(write_yolo(tmp_path, val="val.txt"))
    assert [p.path.name for p in data.training] == ["0.png", "1.png"]
    assert [p.path.name for p in data.held_out] == ["2.png"]


def test_a_coco_set_is_read(tmp_path: Path) -> None:
    data = read_labelled(write_coco(tmp_path))
    assert data.labels == ("cat", "dog")  # by their numbers; of the owl there is only a crowd
    assert [p.path.name for p in data.held_out] == ["1.png"]
    assert [p.path.name for p in data.training] == ["0.png", "2.png", "3.png", "4.png", "5.png"]
    first, second = data.training[:2]
    assert first.boxes_norm == pytest.approx(np.array([[0.1, 0.25, 0.6, 0.75], [0, 0, 0.1, 0.1]]))
    assert first.class_ids.tolist() == [1, 0]
    assert len(second.class_ids) == 0  # its box has no width


def test_a_picture_with_a_crowd_is_not_learnt_from(tmp_path: Path) -> None:
    data = coco()
    data["annotations"].append(
        {"id": 5, "image_id": 30, "category_id": 9, "bbox": [0, 0, 9, 9], "iscrowd": 1}
    )
    read = read_labelled(write_coco(tmp_path, data))
    names = {p.path.name for p in (*read.training, *read.held_out)}
    assert names == {f"{n}.png" for n in (0, 1, 2, 4, 5)}


@pytest.mark.parametrize("pictures", ["images", "else/where"])
def test_a_coco_sets_pictures_may_lie_elsewhere(tmp_path: Path, pictures: str) -> None:
    path = write_coco(tmp_path, pictures=pictures)
    images = None if pictures == "images" else tmp_path / pictures
    assert read_labelled(path, images).training[0].path == tmp_path / pictures / "0.png"
    with pytest.raises(TrainError, match=r"no picture at .*nowhere.*--labelled-images"):
        read_labelled(path, tmp_path / "nowhere")


def test_boxes_of_which_nothing_is_in_their_picture_are_counted(tmp_path: Path) -> None:
    path = write_yolo(tmp_path, "0 0.5 0.5 0.2 0.1\n1 0.5 0.5 0 0.1\n1 0 0 0 0\n", val=None)
    data = read_labelled(path)
    assert sum(len(picture.class_ids) for picture in (*data.training, *data.held_out)) == 1
    assert data.without_area == 2
    lines = warnings_of_boxes(data, path)
    assert lines[0].endswith("data.yaml left out, since nothing of them is in their picture: 2")
    path = write_yolo(tmp_path / "whole")
    assert "pictures held out" in " ".join(warnings_of_boxes(read_labelled(path), path))
    assert read_labelled(path).without_area == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("hello", "is no JSON file"),
        ("[]", "it holds a list"),
        ("{}", "is no COCO set"),
        (
            coco(annotations=[{"id": 7, "image_id": "0", "category_id": 9, "bbox": [0] * 4}]),
            "annotation 7 is in the picture '0', which is not among its images",
        ),
        ("[" * 100_000, "is no JSON file"),
        (
            coco(images=[{"id": 1}], annotations=[]),
            "is no COCO set of boxes: something in it has no 'file_name'",
        ),
        (
            coco(annotations=[{"id": 7, "category_id": 1, "bbox": [0] * 4}]),
            "annotation 7 is of the",
        ),
        (coco(images=[{"id": 1}] * 2), "has two pictures with the id 1"),
        (coco(images=[]), "names no pictures"),
        (coco(annotations=[]), "has no boxes with an area to train on"),
        (
            coco(annotations=[{**one, "bbox": [900, 900, 5, 5]} for one in coco()["annotations"]]),
            "has no boxes with an area to train on",
        ),
        (coco(categories=[]), "of the category 9, which is not among"),
        (coco(1, annotations=coco()["annotations"][:2]), "one labelled picture in .* is too few"),
        (coco(images=[{**image, "width": 0} for image in coco()["images"]]), "is no COCO set"),
    ],
)
def test_what_is_no_coco_set_is_said(tmp_path: Path, data: object, says: str) -> None:
    with pytest.raises(TrainError, match=says) as caught:
        read_labelled(write_coco(tmp_path, data))
    assert "set.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"names": {0: "cat", 1: "dog"}},
        {"names": {"0": "cat", "1": "dog"}},
        {"path": "."},
        {"path": "/no/such/folder"},  # as another machine had it
        {"train": ["images/train"]},
        {"train": "../images/train", "val": "../images/val"},  # as Roboflow has it
        {"train": "train.txt"},
    ],
)
def test_a_yolo_set_is_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    rows = "1 0.5 0.5 0.2 0.1\n\n0 0.1 0.1 0.3 0.1 0.3 0.4\n"
    lines = "".join(f"./images/train/{n}.png\n" for n in range(3))
    (tmp_path / "train.txt").write_text(lines, "utf-8")
    path = write_yolo(tmp_path, rows, **changes)
    if 0 in changes.get("names", ()):
        path.write_text(path.read_text("utf-8").replace('"0"', "0").replace('"1"', "1"), "utf-8")
    data = read_labelled(path)
    assert data.labels == ("cat", "dog")
    assert [p.path.name for p in data.training] == ["0.png", "1.png", "2.png"]
    assert [len(p.class_ids) for p in (*data.training, *data.held_out)] == [2, 0, 0, 0]
    assert data.training[0].class_ids.tolist() == [1, 0]
    boxes = [[0.4, 0.45, 0.6, 0.55], [0.1, 0.1, 0.3, 0.4]]  # the second is an outline's
    assert data.training[0].boxes_norm == pytest.approx(np.array(boxes), abs=1e-6)


@pytest.mark.parametrize("names", ["[no, 007]", "{0: no, 1: 007}", "\n- no\n- 007"])
def test_labels_are_words_whatever_they_look_like(tmp_path: Path, names: str) -> None:
    path = write_yolo(tmp_path, names=None)
    path.write_text(f"train: images/train\nval: images/val\nnames: {names}\n", "utf-8")
    assert read_labelled(path).labels == ("no", "007")


def test_what_windows_and_macos_put_into_files_and_folders_is_passed_over(tmp_path: Path) -> None:
    path = write_yolo(tmp_path, "\ufeff0 0.5 0.5 0.2 0.1\r\n", train="train.txt")
    (tmp_path / "train.txt").write_text("\ufeff./images/train/0.png\r\n", "utf-8")
    (tmp_path / "images/val/._0.png").write_bytes(b"not a picture")
    data = read_labelled(path)
    assert [p.path.name for p in (*data.training, *data.held_out)] == ["0.png", "0.png"]
    assert data.training[0].class_ids.tolist() == [0]
    path = write_coco(tmp_path, "\ufeff" + json.dumps(coco()))
    assert read_labelled(path).labels == ("cat", "dog")


def test_every_fifth_picture_is_held_out_where_none_are(tmp_path: Path) -> None:
    for val in (None, "images/train"):
        data = read_labelled(write_yolo(tmp_path, val=val))
        assert [p.path.name for p in data.training] == ["0.png", "2.png"]
        assert [p.path.name for p in data.held_out] == ["1.png"]


def test_what_training_holds_out_is_measured_on(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path / "images/train")
    for val in (None, "images/train", "linked", "images/val"):
        path = write_yolo(tmp_path, val=val)
        held_out = [p.path.name for p in read_labelled(path).held_out]
        assert [name for name, _ in open_yolo(path, ("cat", "dog")).cases] == held_out
    path = write_yolo(tmp_path, train="nowhere")  # what is measured alone needs none
    assert open_yolo(path, ("cat", "dog")).title == f"1 pictures (val) of {path}"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("2 0.5 0.5 0.1 0.1", "line 1: there is no class 2, only 0 to 1"),
        ("-1 0.5 0.5 0.1 0.1", "there is no class -1"),
        ("0.5 0.5 0.5 0.1 0.1", "there is no class 0.5"),
        ("0 0.5 0.5 0.1 0.1\n0 50 0.5 0.1 0.1", "line 2: boxes are parts of the picture"),
        ("0 0.5 0.5 0.1 nan", "boxes are parts of the picture"),
        ("0 0.5 0.5 0.1", r"line 1 is not `class x y width height`: '0 0.5 0.5 0.1'"),
        ("0 0.5 0.5 0.1 0.1 0.1", "is not `class x y width height`"),
        ("cat 0.5 0.5 0.1 0.1", "is not `class x y width height`"),
    ],
)
def test_a_damaged_file_of_boxes_is_named(tmp_path: Path, rows: str, says: str) -> None:
    with pytest.raises(TrainError, match=r"0\.txt.*" + says):
        read_labelled(write_yolo(tmp_path, rows))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"names": None}, "has no `names:`"),
        ({"names": []}, "has no `names:`"),
        ({"names": {"1": "a", "2": "b"}}, "has no `names:`"),
        ({"train": None}, "has no `train:`"),
        ({"train": "nowhere"}, "names .*nowhere, and nothing is there"),
        ({"train": "labels"}, "no pictures in labels of"),
    ],
)
def test_a_damaged_data_yaml_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(TrainError, match=says) as caught:
        read_labelled(write_yolo(tmp_path, **changes))
    assert "data.yaml" in str(caught.value)


def test_what_is_neither_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"name a COCO \.json or a YOLO data\.yaml"):
        read_labelled(tmp_path)
    with pytest.raises(TrainError, match=r"cannot read .*none\.yaml: No such file"):
        read_labelled(tmp_path / "none.yaml")
    values = ("2023-02-30", "!!int abc", "!!int ''", "!!bool a", "!!timestamp a", "[" * 3000)
    for text in ("a: b: c", "[1", "word", *(f"names: {value}" for value in values)):
        (tmp_path / "a.yml").write_text(text, "utf-8")
        with pytest.raises(TrainError, match=r"a\.yml is no Y") as caught:
            read_labelled(tmp_path / "a.yml")
        assert "\n" not in str(caught.value)


def test_an_unusable_picture_is_named_before_training_starts(tmp_path: Path) -> None:
    data = read_labelled(write_yolo(tmp_path))
    (tmp_path / "images/train/1.png").write_bytes(b"hello")
    with pytest.raises(TrainError, match=r"cannot read .*1\.png as a picture"):
        labelled_maker(Stage(), data.training, 64, 0)
    paint(tmp_path / "images/train/1.png", 100, 20)
    with pytest.raises(TrainError, match=r"1\.png is smaller than 32 px"):
        labelled_maker(Stage(), data.training, 64, 0)
    data = read_labelled(write_coco(tmp_path))
    paint(tmp_path / "3.png", 100, 90)
    with pytest.raises(TrainError, match=r"3\.png is 100×90 px, the annotations say 100×80"):
        labelled_maker(Stage(), data.training, 64, 0)


def test_labels_are_united(tmp_path: Path) -> None:
    data = read_labelled(write_coco(tmp_path))
    both = with_labels(data, ("Dog", "eel"))
    assert both.labels == ("Dog", "eel", "cat")
    assert both.training[0].class_ids.tolist() == [0, 2]
    assert with_labels(data, ()).labels == data.labels


# the pictures


def one_box(path: Path, wh: tuple[int, int], box: tuple[int, int, int, int]) -> LabelledPicture:
    paint(path, *wh, box=box)
    parts = np.array([box], np.float32) / np.array([*wh, *wh], np.float32)
    return LabelledPicture(path, parts, np.array([1]))


@pytest.fixture
def pictures(tmp_path: Path) -> list[LabelledPicture]:
    shapes = [((320, 180), (100, 60, 150, 140)), ((180, 320), (0, 0, 90, 60))]
    shapes += [((640, 640), (300, 200, 500, 640)), ((90, 50), (40, 10, 80, 30))]
    return [one_box(tmp_path / f"{n}.png", wh, box) for n, (wh, box) in enumerate(shapes)]


def white_bounds(image: np.ndarray) -> list[int]:
    seen = image.min(axis=2) > 190
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def equal(a: Sample, b: Sample) -> bool:
    return all(
        np.array_equal(getattr(a, x), getattr(b, x)) for x in ("image", "boxes", "class_ids")
    )


@pytest.mark.parametrize("aspect", [None, (16, 9), (9, 16), (1, 1)])
def test_boxes_stay_exact_and_whole(
    pictures: list[LabelledPicture], aspect: tuple[int, int] | None
) -> None:
    maker = labelled_maker(Stage(p_flip=0.5), pictures, 160, seed=0)
    widths = set()
    for sample in (maker.make(n, aspect) for n in range(60)):
        if aspect is not None:
            assert sample.image.shape[1::-1] == input_wh(*aspect, 160)
        assert sample.boxes.dtype == np.float32
        assert sample.class_ids.tolist() == [1]
        assert np.abs(sample.boxes[0] - white_bounds(sample.image)).max() <= 1.5
        widths.add(round(float(sample.boxes[0, 2] - sample.boxes[0, 0])))
    assert len(widths) > 10


def test_a_picture_is_drawn_at_all_sizes_and_places_and_mirrored(tmp_path: Path) -> None:
    maker = labelled_maker(
        Stage(p_flip=0.5), [one_box(tmp_path / "a.png", (160, 160), (10, 70, 30, 90))], 160, 0
    )
    boxes = np.array([maker.make(n).boxes[0] for n in range(300)])
    scale = (boxes[:, 2] - boxes[:, 0]) / 20
    assert scale.min() < 0.7
    assert scale.max() > 1.5
    assert abs(np.median(scale) - 1) < 0.1
    whole = boxes[scale == 1]
    assert {tuple(box) for box in whole.tolist()} == {(10, 70, 30, 90), (130, 70, 150, 90)}


def test_bars_are_plain_grey(pictures: list[LabelledPicture]) -> None:
    stage = replace(MANY_OBJECTS, noise=20)
    maker = labelled_maker(stage, pictures[:1], 160, seed=0)
    barred = 0
    for sample in map(maker.make, range(30)):
        grey = (sample.image == BAR_GREY).all(axis=2)
        barred += bool(grey.all(axis=1)[[0, -1]].any())
    assert barred > 10


def test_plain_pictures_are_as_the_localizer_sees_them(pictures: list[LabelledPicture]) -> None:
    for loaded in load_pictures(pictures, 160):
        sample, wh = plain(loaded, 160), input_wh(*loaded.picture_wh, 160)
        box = letterbox(*loaded.picture_wh, wh)
        content = ~(sample.image == BAR_GREY).all(axis=2)
        ys, xs = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
        assert (xs[0], ys[0]) == box.offset_xy
        assert (xs[-1] + 1 - xs[0], ys[-1] + 1 - ys[0]) == box.content_wh
        assert np.abs(sample.boxes[0] - white_bounds(sample.image)).max() <= 1.5


@given(st.integers(1, 2000), st.integers(1, 2000))
@example(56, 372)  # 56 · 640 / 372 is 96.3: rounded, it fits 96
def test_plain_pictures_lie_where_the_localizer_lays_them(width: int, height: int) -> None:
    wh = input_wh(width, height, 640)
    placed, box = fitted((width, height), wh), letterbox(width, height, wh)
    assert (placed.size_wh, placed.corner_xy) == (box.content_wh, box.offset_xy)


def test_a_picture_depends_on_seed_and_index_only(
    pictures: list[LabelledPicture], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = labelled_maker(MANY_OBJECTS, pictures, 96, seed=4)
    assert all(p.image is not None for p in first.pictures)
    monkeypatch.setattr("train.labelled_set.KEPT_BYTES", 0)
    second = labelled_maker(MANY_OBJECTS, pictures, 96, seed=4)
    assert all(p.image is None for p in second.pictures)  # read again each time
    other = labelled_maker(MANY_OBJECTS, pictures, 96, seed=5)
    backwards = [second.make(n) for n in reversed(range(8))]
    for n in range(8):
        assert equal(first.make(n), backwards[7 - n])
    assert not equal(first.make(0), other.make(0))


def test_pictures_without_objects_are_used_too(tmp_path: Path) -> None:
    empty = LabelledPicture(
        paint(tmp_path / "a.png"), np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    )
    maker = labelled_maker(MANY_OBJECTS, [empty], 96, seed=0)
    for sample in map(maker.make, range(20)):
        assert sample.boxes.shape == (0, 4)
        assert sample.image.shape == (96, 96, 3)


# mixing


@pytest.fixture(scope="module")
def generated() -> Any:
    _, cutouts = load_cutouts(CUTOUTS)
    return picture_maker(MANY_OBJECTS, cutouts, load_photos(HELD_OUT_PHOTOS)[:3], 96, seed=0)


@pytest.mark.parametrize("part", [0.2, 0.5])
def test_a_part_of_the_pictures_is_labelled(
    pictures: list[LabelledPicture], generated: Any, part: float
) -> None:
    labelled = labelled_maker(MANY_OBJECTS, pictures, 96, seed=0)
    mixed = MixedMaker(labelled, generated, part, seed=0)
    real = 0
    for n in range(300):
        sample, aspect = mixed.make(n), mixed.aspect(n)
        is_real = equal(sample, labelled.make(n, aspect))
        assert is_real or equal(sample, generated.make(n, aspect))
        real += is_real
    assert abs(real / 300 - part) < 0.1  # 3.5 standard deviations


def test_mixed_pictures_of_a_batch_have_one_size(
    pictures: list[LabelledPicture], generated: Any
) -> None:
    labelled = labelled_maker(MANY_OBJECTS, pictures, 96, seed=0)
    batches = GeneratedBatches(MixedMaker(labelled, generated, 0.5, seed=0), 6)
    shapes = {tuple(batches[n].frames.shape) for n in range(12)}
    assert len(shapes) > 2
    assert all(shape[0] == 6 and max(shape[1:3]) == 96 for shape in shapes)


def test_mixed_pictures_without_objects_have_the_sizes_of_both(
    pictures: list[LabelledPicture], generated: Any
) -> None:
    labelled = labelled_maker(MANY_OBJECTS, pictures, 96, seed=0)
    mixed = MixedMaker(labelled, generated, 0.5, seed=0)
    others = mixed.without_objects()
    assert others is not None
    assert [others.aspect(n) for n in range(40)] == [mixed.aspect(n) for n in range(40)]
    for size in (96, 160):
        mine, theirs = mixed.at_size(size), others.at_size(size)
        for n in range(12):
            sample = theirs.make(n, theirs.aspect(n))
            assert sample.image.shape == mine.make(n, mine.aspect(n)).image.shape
            assert not len(sample.boxes)


def recipe(path: Path, **changes: Any) -> Recipe:
    return replace(Recipe(labelled=str(path), labelled_part=1.0), **changes)


def test_a_labelled_set_alone_needs_no_cutouts(tmp_path: Path) -> None:
    changes = {"cutouts": "nowhere", "photos": "nowhere", "distractors": "nowhere"}
    data = load_training_data(recipe(write_yolo(tmp_path), **changes), 64)
    assert data.labels == ("cat", "dog")
    assert isinstance(data.training, LabelledMaker)
    assert len(list(data.held_out_samples(10))) == 1
    negatives = data.negatives(5, 5)
    assert (negatives.photos, negatives.drawings) == (None, None)


def test_held_out_pictures_without_boxes_are_warned_of(tmp_path: Path) -> None:
    path = write_yolo(tmp_path)
    data = load_training_data(recipe(path), 64)
    said = f"none of the 1 pictures held out of {path} has a box"
    assert [warning[: len(said)] for warning in warnings_of(data, recipe(path))] == [said]
    (tmp_path / "labels/val").mkdir()
    (tmp_path / "labels/val/0.txt").write_text("1 0.5 0.5 0.2 0.1", "utf-8")
    assert warnings_of(load_training_data(recipe(path), 64), recipe(path)) == []


def test_some_of_many_held_out_pictures_are_of_all_classes(tmp_path: Path) -> None:
    path = write_yolo(tmp_path)
    for n in range(10):  # in the order of their classes
        paint(tmp_path / f"images/val/{n}.png")
        rows = tmp_path / f"labels/val/{n}.txt"
        rows.parent.mkdir(exist_ok=True)
        rows.write_text(f"{n // 5} 0.5 0.5 0.2 0.1", "utf-8")
    data = load_training_data(recipe(path), 64)
    samples = list(data.held_out_samples(5))
    assert [sample.class_ids.tolist() for sample in samples] == [[0], [0], [0], [1], [1]]


@pytest.mark.parametrize(("mirror", "p_flip"), [(True, 0.5), (False, 0.0)])
def test_labelled_pictures_may_stay_unmirrored(tmp_path: Path, mirror: bool, p_flip: float) -> None:
    data = load_training_data(recipe(write_yolo(tmp_path), mirror=mirror), 64)
    assert isinstance(data.training, LabelledMaker)
    assert data.training.stage.p_flip == p_flip


def test_a_labelled_set_is_mixed_in(tmp_path: Path) -> None:
    path = write_coco(tmp_path, pictures="pictures")
    mixed = recipe(path, labelled_part=0.4, labelled_images=str(tmp_path / "pictures"))
    data = load_training_data(mixed, 64)
    assert isinstance(data, LabelledData)
    assert data.labels == ("Bulbasaur", "Charmander", "Pikachu", "Squirtle", "cat", "dog")
    assert isinstance(data.training, MixedMaker)
    samples = list(data.held_out_samples(10))
    assert len(samples) == 10
    assert equal(samples[0], plain(data.held_out[0], 64))
    assert max(data.held_out[0].pixels().shape) == 64  # no more of it is kept
    assert data.generated is not None
    assert equal(samples[1], data.generated.held_out.make(0))
    assert data.negatives(5, 5).photos is not None
    again = load_training_data(mixed, 64)
    for n in range(6):
        assert equal(data.training.make(n), again.training.make(n))


def test_without_a_labelled_set_all_is_generated() -> None:
    data = load_training_data(Recipe(photos=str(PHOTOS)), 64)
    assert not isinstance(data, LabelledData)


def test_train_takes_a_labelled_set_and_resumes(
    rtloc: Callable[..., Any], fails: Callable[..., str], tmp_path: Path
) -> None:
    path = write_coco(tmp_path / "set", pictures="pictures")
    images = ("--labelled-images", tmp_path / "set/pictures")
    tiny = ("--size", 128, "--batch-size", 4, "--held-out", 4, "--negatives", 4, "--workers", 0)
    train = ("train", *tiny, "-o", "a.onnx", "--steps", 2)
    done = rtloc(*train, "--labelled", path, *images, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    done = rtloc(*train, "--resume", OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    (tmp_path / "set/pictures/3.png").unlink()
    assert "3.png" in fails(1, *train, "--resume")
    assert "name it with --labelled" in fails(2, *train, *images)
    assert "is for COCO sets" in fails(2, *train, "--labelled", "data.yaml", *images)
    (tmp_path / "set/pictures/3.png").write_bytes(b"hello")
    assert "3.png is no picture" in fails(1, *train, "--run", "new", "--labelled", path, *images)
    assert not (tmp_path / "new").exists()


def test_sets_share_the_union_of_their_labels() -> None:
    empty = LabelledSet(("b", "a"), [], [])
    assert with_labels(empty, ("a",)).labels == ("a", "b")
