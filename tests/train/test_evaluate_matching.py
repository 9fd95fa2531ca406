"""Pairing detections with true boxes: by hand, and properties that always hold."""

from __future__ import annotations

import numpy as np
import pytest
from boxes import found_of, truth_of
from hypothesis import given
from hypothesis import strategies as st

from train.matching import UNPAIRED, Found, Truth, iou_matrix, pair

boxes_st = st.tuples(*[st.integers(0, 40)] * 2, *[st.integers(1, 30)] * 2).map(
    lambda v: (v[0], v[1], v[0] + v[2], v[1] + v[3])
)
truths_st = st.lists(st.tuples(boxes_st, st.integers(0, 2)), max_size=6).map(
    lambda rows: truth_of(*((*box, class_id) for box, class_id in rows))
)
found_st = st.lists(st.tuples(boxes_st, st.integers(0, 2), st.floats(0, 1, width=32)), max_size=8)
found_st = found_st.map(lambda rows: found_of(*((*box, c, score) for box, c, score in rows)))


def test_iou_by_hand() -> None:
    one = np.array([[0, 0, 10, 10]], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 7, 7]], np.float32)
    assert iou_matrix(one, others)[0] == pytest.approx([1, 50 / 150, 0, 0.25])


def test_iou_of_empty_boxes_is_zero_and_no_error() -> None:
    flat = np.array([[3, 3, 3, 9]], np.float32)
    assert iou_matrix(flat, flat) == 0
    assert iou_matrix(np.zeros((0, 4), np.float32), flat).shape == (0, 1)


@given(truths_st, found_st)
def test_iou_is_symmetric_and_within_0_and_1(truth: Truth, found: Found) -> None:
    overlaps = iou_matrix(found.boxes, truth.boxes)
    assert np.array_equal(overlaps, iou_matrix(truth.boxes, found.boxes).T)
    assert ((overlaps >= 0) & (overlaps <= 1)).all()


def test_the_best_score_takes_the_box_and_the_second_takes_none() -> None:
    truth = truth_of((0, 0, 10, 10, 0))
    found = found_of((0, 0, 10, 10, 0, 0.6), (1, 0, 10, 10, 0, 0.9))
    assert pair(truth, found).tolist() == [UNPAIRED, 0]


def test_a_taken_box_leaves_the_next_best_one() -> None:
    truth = truth_of((0, 0, 10, 10, 0), (2, 0, 12, 10, 0))
    found = found_of((0, 0, 10, 10, 0, 0.9), (0, 0, 10, 10, 0, 0.8))
    assert pair(truth, found).tolist() == [0, 1]


def test_another_class_is_paired_only_when_classes_do_not_count() -> None:
    truth, found = truth_of((0, 0, 10, 10, 0)), found_of((0, 0, 10, 10, 1, 0.9))
    assert pair(truth, found).tolist() == [UNPAIRED]
    assert pair(truth, found, same_class=False).tolist() == [0]


@given(truths_st, found_st, st.sampled_from([0.1, 0.5, 0.75]), st.booleans())
def test_pairs_are_one_to_one_good_enough_and_of_one_class(
    truth: Truth, found: Found, least: float, same_class: bool
) -> None:
    pairs = pair(truth, found, least, same_class=same_class)
    paired = np.flatnonzero(pairs != UNPAIRED)
    assert len(set(pairs[paired].tolist())) == len(paired)
    overlaps = iou_matrix(found.boxes, truth.boxes)
    assert (overlaps[paired, pairs[paired]] >= least).all()
    if same_class:
        assert (found.class_ids[paired] == truth.class_ids[pairs[paired]]).all()


@given(truths_st, found_st)
def test_nothing_is_left_that_could_be_paired(truth: Truth, found: Found) -> None:
    pairs = pair(truth, found, same_class=False)
    overlaps = iou_matrix(found.boxes, truth.boxes)
    alone = np.setdiff1d(np.arange(len(truth.boxes)), pairs)
    assert not (overlaps[pairs == UNPAIRED][:, alone] >= 0.5).any()


@given(truths_st, found_st, st.floats(0, 1, width=32))
def test_a_threshold_changes_no_pair_above_it(truth: Truth, found: Found, at: float) -> None:
    kept = found.scores >= at
    assert np.array_equal(pair(truth, found)[kept], pair(truth, found.above(at)))
