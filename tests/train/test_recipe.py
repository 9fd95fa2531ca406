"""What follows from a recipe: the sizes of its pictures and its learning rates."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from train.batches import Beginning
from train.recipe import Recipe, beginning_of, schedule

RECIPE = Recipe(steps=12)


def test_a_recipe_may_begin_with_smaller_pictures() -> None:
    recipe = replace(RECIPE, steps=10, small_part=0.4)
    assert beginning_of(recipe, 384) == Beginning(size=256, end=4)
    assert beginning_of(recipe, 320) == Beginning(size=224, end=4)
    assert beginning_of(recipe, 128) == Beginning(size=128, end=4)
    assert beginning_of(RECIPE, 384).end == 0


@pytest.mark.parametrize(
    ("step", "factor"),
    [
        (0, 1 / 10),
        (4, 5 / 10),
        (9, 1),
        (10, 1),
        (60, 0.505),
        (110, 0.01),
        (999, 0.01),
    ],
)
def test_the_learning_rate_warms_up_and_falls_as_worked_out_by_hand(
    step: int, factor: float
) -> None:
    assert schedule(step, Recipe(steps=110, warmup_steps=10)) == pytest.approx(factor)


def test_the_learning_rate_is_finite_without_warm_up_or_steps_after_it() -> None:
    assert schedule(0, Recipe(steps=1, warmup_steps=0)) == pytest.approx(1)
    assert math.isfinite(schedule(5, Recipe(steps=5, warmup_steps=5)))
