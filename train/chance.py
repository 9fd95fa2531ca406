"""Draw one of several things, each as likely."""

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator as Random

Thing = TypeVar("Thing")


def one_of(rng: Random, things: Sequence[Thing]) -> Thing:
    """Return one of `things`, of which there is at least one."""
    return things[int(rng.integers(len(things)))]
