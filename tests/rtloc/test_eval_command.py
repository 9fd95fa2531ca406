"""`rtloc eval` as a user calls it, on a model whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from answering_model import write_answering_model
from clips import make_clip
from full_disk import full_disk

from rtloc.found_sheet import sheet_wh

ANSWERS = [
    ((8, 8, 24, 24), 0.9, 0),
    ((32, 32, 56, 56), 0.6, 1),
    ((2, 40, 18, 60), 0.3, 0),
]
IMAGES = [
    {"id": n, "file_name": f"{name}.png", "width": 64, "height": 64}
    for n, name in enumerate(("right", "other", "black", "empty"), start=1)
]
BOXES = [  # picture, category, x y width height
    (1, 11, [8, 8, 16, 16]),
    (1, 12, [32, 32, 24, 24]),
    (2, 12, [8, 8, 16, 16]),
    (2, 11, [2, 40, 16, 20]),
    (2, 13, [40, 2, 16, 20]),
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_answering_model(tmp_path / "model.onnx", ANSWERS, ["cat", "dog"])


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for image in IMAGES:
        value = 0 if image["file_name"] == "black.png" else 255
        cv2.imwrite(str(folder / str(image["file_name"])), np.full((64, 64, 3), value, np.uint8))
    names = {11: "cat", 12: "Dog", 13: "owl"}
    rows = enumerate(BOXES, start=1)
    data = {
        "images": IMAGES,
        "categories": [{"id": i, "name": name} for i, name in names.items()],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": box} for n, (i, c, box) in rows
        ],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.fixture
def measured(rtloc: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Run `rtloc eval ARGUMENTS... --json` and return what it prints."""

    def run(*arguments: object) -> dict[str, Any]:
        done = rtloc("eval", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        figures: dict[str, Any] = json.loads(done.stdout)
        return figures

    return run


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_figures_of_a_coco_set_by_hand(
    measured: Callable[..., dict[str, Any]], model: Path, coco: Path, backend: str
) -> None:
    figures = measured(model, coco, "--backend", backend)
    cat, dog = (51 + 50 * 2 / 5) / 101, 51 / 101
    assert figures["ap50"] == pytest.approx({"cat": cat, "dog": dog})
    assert figures["map50"] == figures["map50_95"] == pytest.approx((cat + dog) / 2)
    assert figures["threshold"] == 0.5
    assert figures["precision"] == pytest.approx(2 / 6)
    assert figures["recall"] == pytest.approx(2 / 4)
    assert figures["mean_iou"] == pytest.approx(1)
    assert figures["class_accuracy"] == pytest.approx(2 / 3)
    assert figures["presence_accuracy"] == pytest.approx(3 / 4)
    assert figures["object_free"] == [
        {"source": "pictures of the set without objects", "pictures": 2, "false": 2}
    ]
    assert figures["false_per_1000"] == 1000
    assert figures["mistaken"] is None
    assert (figures["backend"], figures["pictures"]) == (backend, 4)


def test_a_threshold_of_ones_own(
    measured: Callable[..., dict[str, Any]], model: Path, coco: Path
) -> None:
    high = measured(model, coco, "--threshold", 0.7)
    assert (high["precision"], high["recall"]) == pytest.approx((1 / 3, 1 / 4))
    low = measured(model, coco, "--threshold", 0.2, "--count", 3)
    assert (low["precision"], low["recall"]) == pytest.approx((3 / 6, 3 / 4))
    assert low["pictures"] == 3
    assert low["map50"] != high["map50"]  # of three pictures and of four


def test_negatives_plot_and_sheet(
    measured: Callable[..., dict[str, Any]], model: Path, coco: Path, tmp_path: Path
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=5, size_wh=(96, 64))
    plot, sheet = tmp_path / "pr.png", tmp_path / "worst.png"
    figures = measured(
        model,
        coco,
        "--negatives",
        clip,
        "--negatives",
        coco.parent,
        "--plot",
        plot,
        "--worst",
        sheet,
    )
    assert [(one["pictures"], one["false"]) for one in figures["object_free"]] == [
        (2, 2),  # of the set
        (5, 10),  # of the video
        (4, 6),  # of the folder
    ]
    assert figures["false_per_1000"] == pytest.approx(1000 * 18 / 11)
    assert cv2.imread(str(plot)).shape == (600, 800, 3)
    # one of the set wrong in all, one false, five frames, three of the folder
    assert cv2.imread(str(sheet)).shape[:2] == sheet_wh(10)[::-1]


@pytest.mark.parametrize("option", ["--plot", "--worst"])
def test_what_cannot_be_drawn_takes_no_figures_with_it(
    rtloc: Callable[..., Any], model: Path, coco: Path, tmp_path: Path, option: str
) -> None:
    with full_disk(5000):
        done = rtloc("eval", model, coco, "--json", option, tmp_path / "drawn.png")
    assert done.returncode == 1
    assert json.loads(done.stdout)["pictures"] == 4
    assert f"rtloc: error: cannot write {tmp_path / 'drawn.png'}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*.png"))


@pytest.fixture
def yolo(coco: Path) -> Path:
    """The same set in YOLO form, its classes in another order."""
    names = ["owl", "Dog", "cat"]
    by_category = {11: 2, 12: 1, 13: 0}
    for entry in IMAGES:
        rows = [
            f"{by_category[category]} {(x + w / 2) / 64} {(y + h / 2) / 64} {w / 64} {h / 64}"
            for picture, category, (x, y, w, h) in BOXES
            if picture == entry["id"]
        ]
        path = coco.parent / str(entry["file_name"])
        path.with_suffix(".txt").write_text("\n".join(rows), encoding="utf-8")
    # in the same order, which decides among equal scores
    listed = "\n".join(str(entry["file_name"]) for entry in IMAGES)
    (coco.parent / "all.txt").write_text(listed, encoding="utf-8")
    path = coco.parent / "data.yaml"
    path.write_text(json.dumps({"val": "all.txt", "names": names}), encoding="utf-8")
    return path


def test_a_yolo_set_gives_the_figures_of_the_same_coco_set(
    measured: Callable[..., dict[str, Any]], model: Path, coco: Path, yolo: Path
) -> None:
    by_coco, by_yolo = measured(model, coco), measured(model, yolo)
    assert by_yolo.pop("data") == f"4 pictures (val) of {yolo}"
    by_coco.pop("data")
    assert by_yolo == by_coco


def test_fewer_pictures_are_spread_over_the_set(
    measured: Callable[..., dict[str, Any]], model: Path, coco: Path, yolo: Path
) -> None:
    for path in (coco, yolo):
        figures = measured(model, path, "--count", 2)
        # the first, in which all is right, and the third, in which nothing is or is found
        assert (figures["precision"], figures["recall"], figures["pictures"]) == (1, 1, 2)


def test_of_a_yolo_set_the_part_held_out_counts(
    measured: Callable[..., dict[str, Any]], rtloc: Callable[..., Any], model: Path, yolo: Path
) -> None:
    (yolo.parent / "val.txt").write_text("right.png\nempty.png\n", encoding="utf-8")
    about = json.loads(yolo.read_text(encoding="utf-8"))
    yolo.write_text(json.dumps({**about, "val": "val.txt"}), encoding="utf-8")
    assert measured(model, yolo)["data"] == f"2 pictures (val) of {yolo}"
    assert "boxes of owl were left out" in rtloc("eval", model, yolo).stderr


def test_of_a_yolo_set_without_such_a_part_what_training_holds_out_counts(
    measured: Callable[..., dict[str, Any]], model: Path, yolo: Path
) -> None:
    about = json.loads(yolo.read_text(encoding="utf-8"))
    yolo.write_text(json.dumps({"train": about["val"], "names": about["names"]}), encoding="utf-8")
    title = f"1 pictures (every fifth of train, which training holds out) of {yolo}"
    assert measured(model, yolo)["data"] == title


def test_the_table_says_all_of_it(rtloc: Callable[..., Any], model: Path, coco: Path) -> None:
    done = rtloc("eval", model, coco)
    assert done.returncode == 0, done.stderr
    assert "boxes of owl were left out" in done.stderr
    lines = {line[:18].strip(): line[18:].split() for line in done.stdout.splitlines()}
    assert lines["all"] == ["0.604", "0.604"]
    assert lines["cat"] == ["0.703", "0.703"]
    assert lines["dog"] == ["0.505", "0.505"]
    assert lines["precision"] == ["0.333"]
    assert lines["recall"] == ["0.500"]
    assert lines["classes right"] == ["0.667"]
    assert lines["presence right"] == ["0.750"]
    assert "1000.00 in 1,000 (2 in 2)  pictures of the set without objects" in done.stdout
    assert "small, < 1 %" not in lines  # there are none


def test_a_set_without_boxes_is_no_error(
    rtloc: Callable[..., Any], model: Path, coco: Path
) -> None:
    data = json.loads(coco.read_text(encoding="utf-8"))
    coco.write_text(json.dumps({**data, "annotations": []}), encoding="utf-8")
    done = rtloc("eval", model, coco, "--plot", coco.with_name("pr.png"))
    assert done.returncode == 0, done.stderr
    assert "no true boxes" in done.stdout
    assert "(6 in 4)" in done.stdout


def test_generated_pictures_of_a_stage(
    measured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    model = write_answering_model(
        tmp_path / "box.onnx", ANSWERS[:1], ["white box"], stage="white-box"
    )
    figures = measured(model, "--count", 12)
    assert figures["data"] == "12 generated pictures of the stage white-box"
    assert figures["input_size"] == 64
    larger = measured(model, "--count", 12, "--input-size", 128)
    assert larger["input_size"] == 128
    assert larger["mean_iou"] != figures["mean_iou"]  # the answer stays, in larger pictures
    assert figures["presence_accuracy"] == 1
    assert 0 <= figures["mean_iou"] < 1
    assert figures["object_free"] == []
    assert figures["false_per_1000"] is None


def test_generated_pictures_without_objects(
    measured: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    labels = ["Bulbasaur", "Squirtle"]  # a model may know some of the cut-outs only
    model = write_answering_model(tmp_path / "all.onnx", ANSWERS[:1], labels)
    figures = measured(model, "many-objects", "--count", 6, "--worst", tmp_path / "worst.png")
    assert figures["object_free"][0]["pictures"] == 6
    assert 0 < figures["object_free"][0]["false"] <= 6
    assert figures["mistaken"]["pictures"] <= 6
    figures = measured(model, "many-objects", "--count", 6, "--no-distractors")
    assert figures["mistaken"] is None
    (tmp_path / "others").mkdir()
    for n in range(2):
        drawing = np.full((200, 150, 4), 255 - n, np.uint8)
        assert cv2.imwrite(str(tmp_path / f"others/{n}.png"), drawing)
    figures = measured(model, "many-objects", "--count", 6, "--distractors", tmp_path / "others")
    assert figures["mistaken"]["pictures"] == 6


def test_what_cannot_be_measured_is_said(
    fails: Callable[..., str], model: Path, coco: Path, tmp_path: Path
) -> None:
    assert "no stage 'nothing'" in fails(2, "eval", model, "nothing")
    assert "is for COCO sets" in fails(2, "eval", model, "data.yaml", "--images", tmp_path)
    assert "cannot read none.yaml" in fails(1, "eval", model, "none.yaml")
    assert "no model 'nothing'" in fails(2, "eval", "nothing", coco)
    assert "No such file" in fails(1, "eval", model, "none.json")
    said = fails(1, "eval", model)
    assert "does not draw all that the model knows (cat, dog); name its cut-outs' folder" in said
    assert "with --cutouts, or as DATA a labelled set" in said
    assert "must end in .png" in fails(2, "eval", model, coco, "--plot", "pr.pdf")
    distractors = ("--distractors", ".", "--no-distractors")
    assert "contradict each other" in fails(2, "eval", model, *distractors)
    assert "no folder none" in fails(2, "eval", model, coco, "--worst", "none/worst.png")
    assert "no such file or folder" in fails(2, "eval", model, coco, "--negatives", "none.mp4")
    assert "no pictures in" in fails(2, "eval", model, coco, "--negatives", tmp_path)
    for name in ("bad.mp4", "bad.jpg"):  # before anything is measured
        (tmp_path / name).write_bytes(b"nothing")
        line = fails(1, "eval", model, "none.json", "--negatives", tmp_path / name)
        assert name in line
        assert "none.json" not in line
    for given in (
        ("--plot", "a.png", "--worst", "./a.png"),
        ("--worst", "a.png", "--plot", "a.png"),
    ):
        assert "a.png itself; name another" in fails(2, "eval", model, coco, *given)
    images = ("--images", tmp_path)
    assert "--images is for COCO sets; leave" in fails(2, "eval", model, "many-objects", *images)
    for option in ("--cutouts", "--backgrounds", "--distractors"):
        line = fails(2, "eval", model, coco, option, "nowhere")
        assert f"{option} is for generated pictures; leave it out" in line
    assert "--no-distractors is for" in fails(2, "eval", model, "data.yaml", "--no-distractors")
    (coco.parent / "other.png").write_bytes(b"nothing")
    assert "other.png is no picture" in fails(1, "eval", model, coco)
    assert "--images" in fails(1, "eval", model, coco, "--images", tmp_path)
    assert not list(tmp_path.glob("*.png"))
