"""Measuring: mAP and the best threshold, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.backends import open_backend
from engines.model_file import read_model_info, shipped_models
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.evaluate import (
    Found,
    backend_locate,
    best_threshold,
    coco_truth,
    evaluate,
    iou_matrix,
    match,
    measure,
)
from train.generator import Sample

LABELS = ("cat", "dog", "emu")
HERE, THERE = (10, 10, 50, 60), (60, 20, 90, 90)


def sample(*objects: tuple[tuple, int]) -> Sample:
    """A picture of 100 px with objects given as box and class."""
    return Sample(
        np.zeros((100, 100, 3), np.uint8),
        np.array([box for box, _ in objects], np.float32).reshape(-1, 4),
        np.array([class_id for _, class_id in objects], np.int64),
    )


def found(*detections: tuple[tuple, float, int]) -> Found:
    """What was found in a picture, given as box, score and class."""
    return Found(
        np.array([box for box, _, _ in detections], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in detections], np.float32),
        np.array([class_id for _, _, class_id in detections], np.int64),
    )


TRUTH = [sample((HERE, 0), (THERE, 1)), sample((HERE, 2)), sample()]


def answers(samples: list[Sample], shift: float = 0, turn_class: int = 0) -> list[Found]:
    return [
        found(
            *[
                (tuple(box + shift), 0.9, (class_id + turn_class) % 3)
                for box, class_id in zip(s.boxes, s.class_ids, strict=True)
            ]
        )
        for s in samples
    ]


def test_perfect_detections_have_a_map_of_1() -> None:
    figures = measure(TRUTH, answers(TRUTH), LABELS)
    assert figures.map50 == pytest.approx(1)
    assert figures.map50_95 == pytest.approx(1)
    assert figures.ap50 == pytest.approx(dict.fromkeys(LABELS, 1))
    assert (figures.precision, figures.recall) == (1, 1)
    assert figures.threshold == pytest.approx(0.9)


@pytest.mark.parametrize("wrong", [{"shift": 45}, {"turn_class": 1}])
def test_detections_beside_the_object_or_of_another_class_have_a_map_of_0(wrong: dict) -> None:
    figures = measure(TRUTH, answers(TRUTH, **wrong), LABELS)
    assert figures.map50 == figures.map50_95 == 0
    assert figures.ap50 == dict.fromkeys(LABELS, 0)
    assert (figures.threshold, figures.precision, figures.recall) == (0.5, 0, 0)


def test_loose_boxes_count_at_half_overlap_but_not_at_more() -> None:
    # shifted by 5 px: IoU is 35·45 / (2·40·50 - 35·45) = 0.649 and 25·65 / (2·30·70 - …) = 0.631
    figures = measure(TRUTH, answers(TRUTH, shift=5), LABELS)
    assert figures.map50 == pytest.approx(1)
    assert figures.map50_95 == pytest.approx(0.3)  # right at 0.5, 0.55 and 0.6 of ten


def test_nothing_found_is_0_everywhere() -> None:
    figures = measure(TRUTH, [found()] * 3, LABELS)
    assert figures.map50 == figures.map50_95 == figures.precision == figures.recall == 0
    assert figures.ap50 == dict.fromkeys(LABELS, 0)
    assert figures.threshold == 0.5


def test_pictures_without_objects_give_0_and_not_less() -> None:
    figures = measure([sample(), sample()], [found((HERE, 0.9, 0)), found()], LABELS)
    assert figures.map50 == figures.map50_95 == figures.precision == figures.recall == 0
    nothing = measure([sample()], [found()], LABELS)
    assert nothing.map50 == nothing.map50_95 == 0


def test_a_class_that_is_never_shown_does_not_lower_the_mean() -> None:
    samples = [sample((HERE, 0))]
    figures = measure(samples, answers(samples), LABELS)
    assert figures.map50 == pytest.approx(1)
    assert figures.ap50 == pytest.approx({"cat": 1, "dog": 0, "emu": 0})


def test_precision_recall_and_threshold_are_those_worked_out_by_hand() -> None:
    samples = [sample((HERE, 0)), sample((HERE, 0)), sample((HERE, 0))]
    guesses = [
        found((HERE, 0.9, 0), (THERE, 0.8, 0)),
        found((HERE, 0.7, 0), (THERE, 0.6, 0)),
        found(),
    ]
    # best first: right, wrong, right, wrong; F1 is 1/2, 2/5, 2/3, 4/7
    threshold, precision, recall = best_threshold(samples, guesses)
    assert threshold == pytest.approx(0.7)
    assert precision == pytest.approx(2 / 3)
    assert recall == pytest.approx(2 / 3)
    # COCO asks for the precision at 101 recalls: 34 lie below 1/3, and 33 more below 2/3
    figures = measure(samples, guesses, ["cat"])
    assert figures.ap50["cat"] == pytest.approx((34 * 1 + 33 * 2 / 3) / 101)
    assert figures.map50 == pytest.approx(figures.ap50["cat"])


def test_the_second_detection_of_one_object_is_wrong() -> None:
    one = sample((HERE, 0))
    twice = found((HERE, 0.6, 0), (HERE, 0.8, 0))
    assert match(one, twice).tolist() == [False, True]
    # both at 0.6: precision 1/2; the better alone: 1
    assert best_threshold([one], [twice]) == pytest.approx((0.8, 1, 1))


def test_each_detection_takes_the_object_it_lies_on_best() -> None:
    near = (12, 10, 52, 60)
    two = sample((HERE, 0), (near, 0))
    assert match(two, found((near, 0.9, 0), (HERE, 0.8, 0))).tolist() == [True, True]


def test_overlaps_are_those_worked_out_by_hand() -> None:
    a = np.array([[0, 0, 2, 2], [0, 0, 4, 4]], np.float32)
    b = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], np.float32)
    expected = [[1, 1 / 3, 0], [1 / 4, 1 / 4, 0]]
    assert np.allclose(iou_matrix(a, b), expected)
    assert iou_matrix(a, b[:0]).shape == (2, 0)
    assert iou_matrix(a[:0], b).shape == (0, 3)


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 4), min_size=1, max_size=4))
def test_overlaps_count_common_pixels(corners: list[tuple[int, int, int, int]]) -> None:
    boxes = np.array(
        [[min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1] for a, b, c, d in corners], np.float32
    )
    masks = np.zeros((len(boxes), 22, 22), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int), strict=True):
        mask[y1:y2, x1:x2] = True
    for n, row in enumerate(iou_matrix(boxes, boxes)):
        both = (masks & masks[n]).sum(axis=(1, 2))
        assert np.allclose(row, both / (masks | masks[n]).sum(axis=(1, 2)))


def test_the_truth_in_cocos_form_counts_from_1() -> None:
    truth = coco_truth(TRUTH, LABELS)
    assert [image["id"] for image in truth["images"]] == [1, 2, 3]
    assert {(i["width"], i["height"]) for i in truth["images"]} == {(100, 100)}
    assert [c["name"] for c in truth["categories"]] == list(LABELS)
    assert [(a["id"], a["image_id"], a["category_id"]) for a in truth["annotations"]] == [
        (1, 1, 1),
        (2, 1, 2),
        (3, 2, 3),
    ]
    assert truth["annotations"][1]["bbox"] == [60, 20, 30, 70]
    assert truth["annotations"][1]["area"] == 30 * 70


def test_pictures_are_located_in_batches_and_in_order() -> None:
    pictures = [
        Sample(np.full((100, 100, 3), n, np.uint8), s.boxes, s.class_ids)
        for n, s in enumerate(TRUTH)
    ]
    right = answers(TRUTH)
    sizes = []

    def locate(images: list[np.ndarray]) -> list[Found]:
        sizes.append(len(images))
        return [right[image[0, 0, 0]] for image in images]

    assert evaluate(locate, pictures, LABELS, batch_size=2).map50 == pytest.approx(1)
    assert sizes == [2, 1]


def test_the_shipped_model_does_well_on_pictures_it_never_saw() -> None:
    info = read_model_info(shipped_models()["pokemon"])
    data = load_data_set(info.stage, CUTOUTS, PHOTOS, info.input_size, seed=0)
    backend, _ = open_backend(info)
    figures = evaluate(backend_locate(backend), data.held_out_samples(64), info.labels)
    assert figures.map50 > 0.8
    assert figures.precision > 0.8
    assert figures.recall > 0.75
