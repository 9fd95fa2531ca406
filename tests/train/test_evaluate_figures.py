"""The figures, against numbers worked out by hand and against another way to count AP."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest
from boxes import Row, found_of, truth_of
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.backends import RawOutputs
from train.accuracy import accuracy
from train.coco import precisions
from train.evaluate import BATCH_SIZE, evaluate, locate_all, measure
from train.figures import Figures
from train.matching import Found, Truth, pair
from train.samples import Sample

LABELS = ("cat", "dog", "owl")
WHOLE = slice(None)


def big(truth: Truth) -> Truth:
    """The same boxes in a picture of a million pixels, as COCO's own sizes would have it."""
    return replace(truth, picture_wh=(1000, 1000))


def test_perfect_detections_have_perfect_figures() -> None:
    rows: list[Row] = [(5, 5, 25, 30, 0), (50, 40, 90, 90, 1)]
    truths = [truth_of(*rows), truth_of(), truth_of((1, 2, 8, 9, 1))]
    found = [
        Found(t.boxes, np.linspace(0.9, 0.8, len(t.boxes), dtype=np.float32), t.class_ids)
        for t in truths
    ]
    figures = measure(truths, found, LABELS)
    assert figures.map50 == figures.map50_95 == 1
    assert figures.ap50 == figures.ap50_95 == {"cat": 1, "dog": 1}  # there is no owl
    assert figures.map50_by_size == {"small": 1, "medium": 1, "large": 1}
    assert figures.precision == figures.recall == figures.mean_iou == 1
    assert figures.class_accuracy == figures.presence_accuracy == 1
    assert figures.false_per_1000 is None


def test_nothing_found_is_zero() -> None:
    truths = [truth_of((5, 5, 25, 30, 0)), truth_of()]
    figures = measure(truths, [found_of(), found_of()], LABELS)
    assert (figures.map50, figures.map50_95, figures.precision, figures.recall) == (0, 0, 0, 0)
    assert (figures.mean_iou, figures.class_accuracy) == (0, 0)
    assert figures.presence_accuracy == 0.5


def test_no_true_boxes_is_no_error() -> None:
    figures = measure([truth_of()], [found_of((0, 0, 9, 9, 0, 0.9))], LABELS)
    assert (figures.map50, figures.ap50, figures.map50_by_size) == (0, {}, {})
    assert measure([], [], LABELS).map50 == 0


def test_a_shift_costs_the_ious_above_it() -> None:
    truths = [truth_of((100, 100, 200, 200, 0))]
    found = [found_of((120, 100, 220, 200, 0, 0.9))]  # IoU 80 / 120: enough for 0.5 to 0.65
    curves = precisions([big(t) for t in truths], found, LABELS)
    assert curves.ap(0) == 1
    assert curves.ap(WHOLE) == pytest.approx(0.4)


def test_average_precision_by_hand() -> None:
    truths = [truth_of((0, 0, 20, 20, 0), (50, 50, 80, 80, 0))]
    found = [
        found_of((0, 0, 20, 20, 0, 0.9), (0, 60, 20, 80, 0, 0.8), (50, 50, 80, 80, 0, 0.7)),
    ]
    # recalls 0, 0.01, … 0.5 at precision 1; the other 50 at 2 of 3
    assert precisions(truths, found, LABELS).ap(0) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_sizes_are_shares_of_the_picture() -> None:
    # 0.99, 1.1, 9.92 and 10.56 % of the picture
    rows: list[Row] = [
        (0, 0, 9, 11, 0),
        (20, 20, 30, 31, 0),
        (40, 40, 71, 72, 0),
        (0, 60, 32, 93, 0),
    ]
    for scale in (1, 7.5):  # the same scene, filmed finer
        truth = truth_of(*[(*(scale * v for v in row[:4]), row[4]) for row in rows])
        truth = replace(truth, picture_wh=(int(100 * scale), int(100 * scale)))
        kept = [1, 2, 3]
        found = Found(truth.boxes[kept], np.full(3, 0.9, np.float32), truth.class_ids[kept])
        by_size = precisions([truth], [found], LABELS).ap_by_size(0)
        assert by_size == {"small": 0, "medium": 1, "large": 1}


def test_sizes_that_do_not_occur_are_left_out() -> None:
    truth = truth_of((0, 0, 50, 50, 0))
    assert set(precisions([truth], [found_of()], LABELS).ap_by_size(0)) == {"large"}


def test_figures_at_a_threshold_by_hand() -> None:
    truths = [
        truth_of((0, 0, 10, 10, 0), (50, 50, 70, 70, 1)),
        truth_of((0, 0, 10, 10, 2)),
        truth_of(),
        truth_of(),
    ]
    found = [
        found_of((0, 0, 10, 8, 0, 0.9), (50, 50, 70, 70, 0, 0.8), (90, 90, 99, 99, 1, 0.3)),
        found_of((0, 0, 10, 10, 2, 0.4)),  # below the threshold
        found_of((0, 0, 10, 10, 2, 0.6)),
        found_of(),
    ]
    at = accuracy(truths, found, 0.5)
    assert at.precision == pytest.approx(1 / 3)  # of 0.9, 0.8 and 0.6 the first is right
    assert at.recall == pytest.approx(1 / 3)
    assert at.mean_iou == pytest.approx((0.8 + 1) / 2)  # whatever the class
    assert at.class_accuracy == 0.5
    assert at.presence_accuracy == 0.5  # the first and the last


def test_mean_iou_of_single_objects_counts_the_missed_as_zero() -> None:
    truths = [truth_of((0, 0, 10, 10, 0)), truth_of((0, 0, 10, 10, 0)), truth_of()]
    best_first = found_of((0, 0, 10, 5, 1, 0.7), (0, 0, 10, 10, 0, 0.6))
    at = accuracy(truths, [best_first, found_of(), found_of((0, 0, 9, 9, 0, 0.9))], 0.5)
    assert at.mean_iou == pytest.approx((0.5 + 0) / 2)


def naive_ap(truths: list[Truth], found: list[Found], class_id: int, iou: float) -> float | None:
    """AP at one IoU by its definition: the best precision at each recall or beyond it."""
    total = sum(int((t.class_ids == class_id).sum()) for t in truths)
    if not total:
        return None
    rows = []
    for truth, one in zip(truths, found, strict=True):
        mine, theirs = truth.class_ids == class_id, one.class_ids == class_id
        part = Found(one.boxes[theirs], one.scores[theirs], one.class_ids[theirs])
        of_class = Truth(truth.boxes[mine], truth.class_ids[mine], truth.picture_wh)
        rows += list(zip(part.scores.tolist(), pair(of_class, part, iou) >= 0, strict=True))
    rows.sort(key=lambda row: -row[0])
    hits = np.cumsum([right for _, right in rows])
    precision, recall = hits / np.arange(1, len(rows) + 1), hits / total
    grid = np.linspace(0, 1, 101)
    return float(np.mean([max(precision[recall >= r], default=0) for r in grid]))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_average_precision_agrees_with_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(int(rng.integers(1, 6))):
        corners = rng.integers(0, 60, (int(rng.integers(0, 5)), 2))
        boxes = np.hstack([corners, corners + rng.integers(8, 40, corners.shape)])
        class_ids = rng.integers(0, 2, len(boxes))
        truths.append(Truth(boxes.astype(np.float32), class_ids, (1000, 1000)))
        moved = np.vstack([boxes, boxes]) + rng.uniform(-3.9, 3.9, (2 * len(boxes), 4))
        scores = rng.permutation(1000)[: len(moved)] / 1000 + rng.random() / 1000
        ids = np.where(rng.random(len(moved)) < 0.8, np.tile(class_ids, 2), 1)
        found.append(Found(moved.astype(np.float32), scores.astype(np.float32), ids))
    table = precisions(truths, found, LABELS)
    for class_id, label in enumerate(LABELS):
        expected = naive_ap(truths, found, class_id, 0.5)
        assert table.ap_by_label(0).get(label) == (
            expected if expected is None else pytest.approx(expected, abs=1e-6)
        )


def test_evaluate_runs_an_engine_over_pictures_of_several_shapes() -> None:
    """The engine says where the white is; pictures of one shape come to it together."""
    shapes, calls = [(64, 96), (96, 64), *[(64, 96)] * BATCH_SIZE], []
    samples = []
    for n, (height, width) in enumerate(shapes):
        image = np.zeros((height, width, 3), np.uint8)
        top = 10 + n % 20
        image[top : top + 30, 20:44] = 255
        box = np.array([[20, top, 44, top + 30]], np.float32)
        samples.append(Sample(image, box, np.array([1])))

    def infer(images: np.ndarray) -> RawOutputs:
        calls.append(len(images))
        boxes = np.zeros((len(images), 2, 4), np.float32)
        for n, image in enumerate(images):
            rows, columns = np.nonzero(image[..., 0])
            boxes[n, 0] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        scores = np.tile(np.array([0.8, 0.001], np.float32), (len(images), 1))
        return RawOutputs(boxes, scores, np.ones(scores.shape, np.int64))

    figures = evaluate(infer, samples, LABELS)
    assert sorted(calls) == [1, 1, BATCH_SIZE]
    assert figures.map50_95 == figures.mean_iou == 1
    found = locate_all(infer, (s.image for s in samples))
    assert [len(one.scores) for one in found] == [1] * len(samples)
    assert locate_all(infer, []) == []


def test_figures_are_kept_as_plain_values_and_read_again() -> None:
    figures = measure([truth_of((0, 0, 9, 9, 0))], [found_of((0, 0, 9, 9, 0, 0.9))], LABELS)
    assert Figures(**asdict(figures)) == figures
    old = Figures(map50=0.5, map50_95=0.3, ap50={}, threshold=0.4, precision=0.9, recall=0.8)
    assert old.numbers() == {"map50": 0.5, "map50_95": 0.3, "precision": 0.9, "recall": 0.8}
    assert figures.numbers()["mean_iou"] == 1
    assert all(type(value) is float for value in figures.numbers().values())
