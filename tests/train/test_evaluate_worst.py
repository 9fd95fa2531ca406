"""The worst cases, and the precision–recall plot."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from boxes import found_of, truth_of

from train.coco import precisions
from train.evaluate import measure
from train.pr_plot import HEIGHT_PX, WIDTH_PX, draw_precision_recall
from train.worst import WorstCases, faults_in

LABELS = ("cat", "dog")
IMAGE = np.zeros((100, 100, 3), np.uint8)
CAT = (0, 0, 10, 10, 0)


def texts(truth: object, found: object) -> list[str]:
    return [fault.text for fault in faults_in(truth, found, LABELS)]


def test_each_fault_has_its_name() -> None:
    assert texts(truth_of(CAT), found_of((0, 0, 10, 9, 0, 0.9))) == []
    assert texts(truth_of(CAT), found_of()) == ["missed cat"]
    assert texts(truth_of(), found_of((0, 0, 10, 9, 1, 0.9))) == ["false dog 0.90"]
    assert texts(truth_of(CAT), found_of((0, 0, 10, 6, 0, 0.9))) == ["cat: IoU 0.60"]
    assert texts(truth_of(CAT), found_of((0, 0, 10, 4, 0, 0.9))) == ["cat: IoU 0.40, 0.90"]
    assert texts(truth_of(CAT), found_of((0, 0, 10, 9, 1, 0.8))) == ["cat as dog, 0.80"]
    assert texts(truth_of(CAT), found_of((50, 50, 60, 60, 0, 0.8))) == [
        "missed cat",
        "false cat 0.80",
    ]
    twice = found_of((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 9, 0, 0.8))
    assert texts(truth_of(CAT), twice) == ["false cat 0.80"]


def test_faults_are_the_worst_first() -> None:
    truth = truth_of(CAT, (50, 50, 60, 60, 1))
    found = found_of((0, 0, 10, 6, 0, 0.9), (80, 80, 90, 90, 1, 0.5))
    assert texts(truth, found) == ["missed dog", "false dog 0.50", "cat: IoU 0.60"]


def test_the_worst_pictures_are_kept_the_worst_first() -> None:
    worst = WorstCases(LABELS, threshold=0.5, most=3)
    for n in range(10):
        worst.consider(f"{n}", IMAGE, truth_of(), found_of((0, 0, 9, 9, 0, 0.5 + n / 20)))
    assert [case.name for case in worst.cases()] == ["9", "8", "7"]
    worst.consider("two", IMAGE, truth_of(CAT, (50, 50, 60, 60, 1)), found_of())
    worst.consider("well", IMAGE, truth_of(CAT), found_of((0, 0, 10, 10, 0, 0.9)))
    assert [case.name for case in worst.cases()] == ["two", "9", "8"]
    assert worst.cases()[0].badness == 2


def test_what_is_below_the_threshold_is_no_fault() -> None:
    worst = WorstCases(LABELS, threshold=0.5)
    worst.consider("quiet", IMAGE, truth_of(), found_of((0, 0, 9, 9, 0, 0.4)))
    assert worst.cases() == []


@pytest.mark.parametrize("empty", [False, True])
def test_the_plot_is_a_png_of_its_size(tmp_path: Path, empty: bool) -> None:
    truths = [truth_of() if empty else truth_of(CAT, (50, 50, 60, 60, 1))]
    found = [found_of((0, 0, 10, 9, 0, 0.9), (50, 50, 60, 58, 1, 0.4))]
    figures = measure(truths, found, LABELS, 0.5)
    path = tmp_path / "pr.png"
    draw_precision_recall(precisions(truths, found, LABELS), figures, path, "two animals")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert image.std() > 5
    assert list(tmp_path.iterdir()) == [path]


# one that looks like maths, one that Matplotlib leaves out, letters that its font has not
ODD = ("$\\mug$", "_mug", "ピカチュウ")


def drawn_of(labels: tuple[str, ...], path: Path) -> np.ndarray:
    boxes = [(10 * n, 0, 10 * n + 9, 10, n) for n in range(len(labels))]
    truths, found = [truth_of(*boxes)], [found_of(*((*box, 0.9) for box in boxes))]
    figures = measure(truths, found, labels, 0.5)
    draw_precision_recall(precisions(truths, found, labels), figures, path, "a $\\mug$ and $2")
    image = cv2.imread(str(path))
    assert image is not None
    return image


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("labels", [ODD, *((label,) for label in ODD)])
def test_odd_labels_are_drawn_as_they_are(tmp_path: Path, labels: tuple[str, ...]) -> None:
    assert drawn_of(labels, tmp_path / "pr.png").std() > 5


def test_a_label_that_begins_with_a_line_is_in_the_legend(tmp_path: Path) -> None:
    odd, plain = (drawn_of((x,), tmp_path / "pr.png") for x in ("_mug", "mug"))
    legend = (slice(300, None), slice(60, 400))
    dark = [np.count_nonzero(image[legend].min(axis=2) < 100) for image in (odd, plain)]
    assert 0 < dark[0] - dark[1] < 30  # the line


@pytest.mark.filterwarnings("error")
def test_the_classes_of_many_do_not_cover_the_plot(tmp_path: Path) -> None:
    few, many = (
        drawn_of(tuple(f"class {n}" for n in range(count)), tmp_path / "pr.png")
        for count in (12, 80)
    )
    white = [np.count_nonzero((image[60:500, 80:700] == 255).all(axis=2)) for image in (few, many)]
    assert white[1] > white[0]
