"""Writing data sets that other trainers read."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pycocotools.coco import COCO

from train.cutouts import load_cutouts
from train.data_set import CUTOUTS, HELD_OUT_PHOTOS
from train.generator import PictureMaker, picture_maker
from train.labelled import read_labelled
from train.labelled_maker import plain
from train.labelled_set import load_pictures
from train.matching import Truth
from train.photos import load_photos
from train.stages import MANY_OBJECTS
from train.synth import Pictures, data_yaml, write_coco, write_yolo, yolo_rows
from train.yolo_set import box_of

SIZE = 128


@pytest.fixture(scope="module")
def labels() -> tuple[str, ...]:
    return load_cutouts(CUTOUTS)[0]


@pytest.fixture(scope="module")
def maker() -> PictureMaker:
    cutouts = load_cutouts(CUTOUTS)[1]
    return picture_maker(MANY_OBJECTS, cutouts, load_photos(HELD_OUT_PHOTOS)[:3], SIZE, seed=3)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def numbers(path: Path) -> list[list[float]]:
    return [[float(part) for part in line.split()] for line in path.read_text().splitlines()]


def test_pycocotools_loads_the_coco_form(
    tmp_path: Path, maker: PictureMaker, labels: tuple[str, ...]
) -> None:
    assert list(write_coco(tmp_path, labels, Pictures(maker, 12))) == list(range(1, 13))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "annotations.json"))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(labels)
    assert coco.getCatIds() == [1, 2, 3, 4]
    assert len(coco.imgs) == 12
    boxes = 0
    for n, image in enumerate(coco.loadImgs(coco.getImgIds())):
        sample = maker.make(n)
        picture = cv2.imread(str(tmp_path / image["file_name"]))
        assert picture.shape == (image["height"], image["width"], 3) == sample.image.shape
        found = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        assert [a["category_id"] - 1 for a in found] == sample.class_ids.tolist()
        for annotation, (x1, y1, x2, y2) in zip(found, sample.boxes.tolist(), strict=True):
            assert annotation["bbox"] == pytest.approx([x1, y1, x2 - x1, y2 - y1], abs=1e-3)
            assert annotation["area"] == pytest.approx((x2 - x1) * (y2 - y1), rel=1e-3)
            boxes += 1
    assert boxes > 10


def test_the_yolo_form_keeps_its_own_rules(
    tmp_path: Path, maker: PictureMaker, labels: tuple[str, ...]
) -> None:
    parts = {"train": Pictures(maker, 8), "val": Pictures(maker, 3, first=8)}
    assert list(write_yolo(tmp_path, labels, parts)) == list(range(1, 12))
    data = yaml.safe_load((tmp_path / "data.yaml").read_text("utf-8"))
    assert list(data["names"].values()) == list(labels)
    assert list(data["names"]) == list(range(data["nc"]))
    for part, count in (("train", 8), ("val", 3)):
        images = sorted((tmp_path / data[part]).iterdir())
        texts = sorted((tmp_path / "labels" / part).iterdir())
        assert [p.stem for p in images] == [p.stem for p in texts]
        assert len(images) == count
        for text in texts:
            for class_id, x, y, width, height in numbers(text):
                assert class_id in range(data["nc"])
                assert 0 < width <= 1
                assert 0 < height <= 1
                assert width / 2 <= x + 2e-6
                assert x <= 1 - width / 2 + 2e-6
                assert height / 2 <= y + 2e-6
                assert y <= 1 - height / 2 + 2e-6
    # the two parts share no picture
    first = cv2.imread(str(tmp_path / "images/val/000000.jpg"))
    assert np.abs(first.astype(int) - maker.make(8).image).mean() < 6


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_what_is_written_is_read_as_it_was(
    tmp_path: Path, maker: PictureMaker, labels: tuple[str, ...], form: str
) -> None:
    pictures = Pictures(maker, 11, jpeg_quality=None)
    if form == "coco":
        list(write_coco(tmp_path, labels, pictures))
        path = tmp_path / "annotations.json"
    else:
        list(write_yolo(tmp_path, labels, {"train": pictures, "val": Pictures(maker, 0)}))
        path = tmp_path / "data.yaml"
    data = read_labelled(path)
    indices = [n for n in range(11) if n % 5 != 1], [n for n in range(11) if n % 5 == 1]
    for part, numbers_ in zip((data.training, data.held_out), indices, strict=True):
        for loaded, index in zip(load_pictures(part, SIZE), numbers_, strict=True):
            read, made = plain(loaded, SIZE), maker.make(index)
            assert np.array_equal(read.image, made.image)
            assert np.abs(read.boxes - made.boxes).max(initial=0) < 0.01
            names = [data.labels[i] for i in read.class_ids]
            assert names == [labels[i] for i in made.class_ids]


def test_any_number_of_processes_writes_the_same_bytes(
    tmp_path: Path, maker: PictureMaker, labels: tuple[str, ...]
) -> None:
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        (folder / "coco").mkdir(parents=True)
        (folder / "yolo").mkdir()
        list(write_coco(folder / "coco", labels, Pictures(maker, 20), workers))
        parts = {"train": Pictures(maker, 9, 50), "val": Pictures(maker, 2, None)}
        list(write_yolo(folder / "yolo", labels, parts, workers))
    alone, together = tree(tmp_path / "1"), tree(tmp_path / "2")
    assert len(alone) == 21 + 2 * 11 + 1
    assert alone == together


def test_a_set_that_is_stopped_holds_what_there_was(
    tmp_path: Path, maker: PictureMaker, labels: tuple[str, ...]
) -> None:
    parts = {"train": Pictures(maker, 4), "val": Pictures(maker, 4, first=4)}
    done: list[int] = []
    for number in write_yolo(tmp_path, labels, parts, stopped=lambda: len(done) == 5):
        done.append(number)
    assert done == [1, 2, 3, 4, 5]
    assert sorted(p.stem for p in (tmp_path / "labels").rglob("*.txt")) == [
        *("000000", "000000", "000001", "000002", "000003")
    ]
    assert "val: images/val" in (tmp_path / "data.yaml").read_text()


def test_pictures_made_ahead_of_a_stop_are_not_kept(
    tmp_path: Path, maker: PictureMaker, labels: tuple[str, ...]
) -> None:
    done: list[int] = []
    pictures = Pictures(maker, 100)
    for number in write_coco(tmp_path, labels, pictures, 2, stopped=lambda: len(done) == 3):
        done.append(number)
    assert len(json.loads((tmp_path / "annotations.json").read_text())["images"]) == 3
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == [
        *("000000.jpg", "000001.jpg", "000002.jpg")
    ]


def test_a_process_that_cannot_write_says_so(tmp_path: Path, maker: PictureMaker) -> None:
    done = write_coco(tmp_path, ("a",), Pictures(maker, 20), workers=2)
    next(done)
    (tmp_path / "images").rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError):
        list(done)


def test_the_quality_decides_the_files_size(tmp_path: Path, maker: PictureMaker) -> None:
    sizes = []
    for quality in (20, 95, None):
        pictures = Pictures(maker, 1, quality)
        pictures.write(0, tmp_path)
        sizes.append((tmp_path / pictures.name(0)).stat().st_size)
    assert sizes == sorted(sizes)
    assert {p.name for p in tmp_path.iterdir()} == {"000000.jpg", "000000.png"}


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_every_label_is_read_back(names: list[str]) -> None:
    data = yaml.safe_load(data_yaml(names, has_val=False))
    assert list(data["names"].values()) == names
    assert data["val"] == data["train"]


@given(
    st.tuples(st.integers(32, 1280), st.integers(32, 1280)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_row_gives_its_box_back(picture_wh: tuple[int, int], parts: list[float]) -> None:
    scale = np.array([*picture_wh, *picture_wh], np.float32)
    x1, x2, y1, y2 = (*sorted(parts[:2]), *sorted(parts[2:]))
    boxes = (np.array([[x1, y1, x2, y2]]) * scale).astype(np.float32)
    (row,) = yolo_rows(Truth(boxes, np.array([7]), picture_wh))
    class_id, *rest = row.split()
    assert class_id == "7"
    assert np.abs(np.array(box_of([float(v) for v in rest])) * scale - boxes).max() < 0.01


def test_the_json_is_plain(tmp_path: Path, maker: PictureMaker) -> None:
    list(write_coco(tmp_path, ("Pokémon", "b", "c", "d"), Pictures(maker, 2)))
    text = (tmp_path / "annotations.json").read_text("utf-8")
    assert "Pokémon" in text
    assert {"images", "annotations", "categories"} <= set(json.loads(text))
