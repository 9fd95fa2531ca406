"""Chance: a stream of random numbers for each purpose, and drawing one of several things."""

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator as Random

Thing = TypeVar("Thing")

# these stand beside a seed, so that each purpose has random numbers of its own
ASPECT_STREAM = 0x617370
LABELLED_STREAM = 0x6C6162
MIX_STREAM = 0x6D6978
CROP_STREAM = 0x637270
HARD_STREAM = 0x68617264
NOISE_STREAM = 0x6E6F


def one_of(rng: Random, things: Sequence[Thing]) -> Thing:
    """Return one of `things`, of which there is at least one."""
    return things[int(rng.integers(len(things)))]
