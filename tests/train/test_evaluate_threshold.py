"""The choice of the threshold, on constructed scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.threshold import (
    FALSE_PART,
    GRID,
    LEAST_F1,
    MISTAKEN_PART,
    Trials,
    choose_by_presence,
    choose_threshold,
    f1_on_grid,
    grid_value,
    lowest_within,
)


def scores_of(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def free(scores: np.ndarray, count: int, limit: float = 0.001) -> Trials:
    return Trials(scores.astype(np.float32), count, limit)


# a hundred right ones from 0.6 to 0.9, a hundred wrong ones from 0.1 to 0.3
APART = np.concatenate([np.linspace(0.9, 0.6, 100), np.linspace(0.3, 0.1, 100)]).astype(np.float32)
RIGHT = np.arange(200) < 100


def test_by_presence_it_lies_amid_those_that_tell_best() -> None:
    there = np.array([True, True, True, False, False])
    assert choose_by_presence(scores_of(0.9, 0.8, 0.7, 0.3, 0.0), there) == pytest.approx(
        0.5, abs=2e-3
    )
    # one that is missed costs less than two false ones
    assert 0.3 < choose_by_presence(scores_of(0.9, 0.8, 0.1, 0.3, 0.3), there) <= 0.8


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=30))
def test_by_presence_no_other_threshold_tells_better(cases: list[tuple[float, bool]]) -> None:
    scores = scores_of(*(score for score, _ in cases))
    there = np.array([there for _, there in cases])
    chosen = np.float32(choose_by_presence(scores, there))
    right = [((scores >= threshold) == there).sum() for threshold in GRID]
    assert ((scores >= chosen) == there).sum() == max(right)


def test_it_lies_as_low_as_f1_stays_near_its_best() -> None:
    # two wrong ones cost 1 − 200 / 202 = 0.0099 of F1, a third is too much; it scores 0.29596
    assert choose_threshold(APART, RIGHT, 100) == 0.296


def test_pictures_without_objects_push_it_up() -> None:
    assert choose_threshold(APART, RIGHT, 100, [free(scores_of(0.45), 500)]) == 0.451
    assert choose_threshold(APART, RIGHT, 100, [free(scores_of(0.2), 500)]) < 0.3


def test_a_part_of_the_limit_may_be_used_up() -> None:
    wrong = scores_of(0.55, 0.54, 0.53, 0.52, 0.51)
    assert FALSE_PART == 0.5
    assert MISTAKEN_PART == 0.75
    drawings = Trials(wrong, 200, 0.02, MISTAKEN_PART)
    assert lowest_within(drawings) == 0.521
    assert lowest_within(free(wrong, 1999)) == 0.551
    assert lowest_within(free(wrong, 2000)) == 0.541
    assert lowest_within(free(wrong, 6000)) == 0.521
    assert lowest_within(free(wrong, 100, limit=0.02)) == 0.541


def test_every_limit_counts() -> None:
    trials = [free(scores_of(0.4), 100), free(scores_of(0.5, 0.5), 100, limit=0.02)]
    assert choose_threshold(APART, RIGHT, 100, trials) == 0.501


def test_limits_that_cost_too_much_are_broken_and_said() -> None:
    """Right scores spread over 0..1, and something wrong that is as sure as they are."""
    right = np.linspace(1, 0.001, 1000).astype(np.float32)
    wrong = free(scores_of(0.95), 1000)
    chosen = choose_threshold(right, np.ones(1000, bool), 1000, [wrong])
    kept = float((right >= chosen).mean())
    f1 = 2 * kept / (1 + kept)
    assert f1 == pytest.approx(LEAST_F1, abs=0.002)
    assert wrong.rate(chosen) == 0.001


def test_a_model_that_finds_nothing_right_has_the_middle() -> None:
    assert choose_threshold(scores_of(), np.zeros(0, bool), 5) == 0.5
    assert choose_threshold(scores_of(0.9), np.zeros(1, bool), 5) == 0.5
    assert choose_threshold(scores_of(), np.zeros(0, bool), 0) == 0.5


def test_something_wrong_that_is_quite_sure_is_no_error() -> None:
    assert lowest_within(free(scores_of(1.0), 10)) == 0.999


def test_f1_by_hand() -> None:
    f1 = f1_on_grid(scores_of(0.9, 0.6, 0.3), np.array([True, False, True]), 4)
    at = {round(float(value), 3): n for n, value in enumerate(GRID)}
    assert f1[at[0.95]] == 0
    assert f1[at[0.9]] == pytest.approx(2 * 1 / (1 + 4))  # a score counts from itself on
    assert f1[at[0.601]] == pytest.approx(2 * 1 / (1 + 4))
    assert f1[at[0.5]] == pytest.approx(2 * 1 / (2 + 4))
    assert f1[at[0.1]] == pytest.approx(2 * 2 / (3 + 4))


scored = st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=60)


@given(scored, st.lists(st.floats(0, 1, width=32), max_size=20), st.integers(1, 5000))
def test_it_keeps_the_limit_or_nine_tenths_of_f1(
    rows: list[tuple[float, bool]], wrong: list[float], count: int
) -> None:
    scores = np.array([score for score, _ in rows], np.float32)
    right = np.array([is_right for _, is_right in rows])
    trials = free(np.array(wrong), count)
    chosen = choose_threshold(scores, right, max(1, int(right.sum())), [trials])
    assert chosen == round(chosen, 3)
    assert 0 < chosen < 1
    f1 = f1_on_grid(scores, right, max(1, int(right.sum())))
    if f1.max() > 0:
        assert f1[np.isclose(GRID, chosen)][0] >= LEAST_F1 * f1.max()
        highest = grid_value(f1 >= LEAST_F1 * f1.max(), -1)
        assert trials.rate(chosen) <= trials.limit or chosen == highest
