"""Parity: how far two answers lie apart, by hand-made ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from train.matching import Found, Truth
from train.parity import parity

BOXES = np.array([[10, 10, 50, 50], [60, 20, 90, 80]], np.float32)
IDS = np.array([0, 1])
TRUTHS = [Truth(BOXES, IDS, (100, 100))] * 2
LABELS = ("cat", "dog")


def found(move: float = 0.0, score: float = 0.9, count: int = 2) -> list[Found]:
    boxes = BOXES + np.array([0, move, 0, 0], np.float32)
    scores = np.full(2, score, np.float32)
    return [Found(boxes[:count], scores[:count], IDS[:count]), Found(BOXES, scores, IDS)]


def test_the_same_answers_are_not_apart() -> None:
    same = parity(TRUTHS, (found(), found()), LABELS, 0.5)
    assert (same.pictures, same.matched, same.missed) == (2, 4, 0)
    assert (same.median_px, same.worst_px, same.worst_score) == (0, 0, 0)
    assert same.map50_95 == (1, 1)
    assert same.faults() == []


def test_the_worst_side_and_the_worst_score_count() -> None:
    other = parity(TRUTHS, (found(), found(move=3.0, score=0.85)), LABELS, 0.5)
    assert other.matched == 4
    assert other.worst_px == pytest.approx(3.0)
    assert other.median_px == pytest.approx(1.5)  # two boxes moved, two did not
    assert other.worst_score == pytest.approx(0.05)
    told = " ".join(other.faults())
    assert "at the worst, px: 3 apart" in told
    assert "at the median, px: 1.5 apart" in told
    assert "scores" in told
    within = replace(other, map50_95=(0.9, 0.9029), median_px=0.4, worst_px=1.9, worst_score=0.009)
    assert within.faults() == []
    assert len(replace(within, map50_95=(0.9, 0.9031)).faults()) == 1


def test_an_object_that_one_misses_is_a_fault_whichever_it_is() -> None:
    for answers in ((found(), found(count=1)), (found(count=1), found())):
        other = parity(TRUTHS, answers, LABELS, 0.5)
        assert other.missed == 1
        assert "1 objects were found by one of both only" in other.faults()
        assert abs(other.map50_95[0] - other.map50_95[1]) > 0.003


def test_in_8_bits_single_objects_may_differ() -> None:
    same = parity(TRUTHS, (found(), found()), LABELS, 0.5)
    other = replace(same, matched=300, missed=3, worst_px=25, worst_score=0.5)
    assert len(other.faults()) == 3
    assert other.faults(in_8_bits=True) == []
    for worse in ({"missed": 4}, {"median_px": 0.6}, {"map50_95": (0.9, 0.911)}):
        assert len(replace(other, **worse).faults(in_8_bits=True)) == 1


def test_a_score_that_crosses_the_threshold_is_no_miss() -> None:
    other = parity(TRUTHS, (found(score=0.505), found(score=0.499)), LABELS, 0.5)
    assert other.missed == 0
    assert other.worst_score == pytest.approx(0.006, abs=1e-6)


def test_nothing_found_by_both_is_alike() -> None:
    nothing = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    same = parity(TRUTHS, ([nothing] * 2, [nothing] * 2), LABELS, 0.5)
    assert (same.matched, same.missed) == (0, 0)
    assert same.faults() == []
