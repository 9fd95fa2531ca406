"""A trail follows its track and fades behind it."""

from __future__ import annotations

import numpy as np

from rtloc.detections import Detections
from rtloc.overlay import COLOURS
from rtloc.trails import Trails


def at(x: float, number: int | None = 1) -> Detections:
    return Detections(
        np.array([[x - 10, 90, x + 10, 110]], np.float32),
        np.array([0.9], np.float32),
        np.array([0]),
        None if number is None else np.array([number]),
    )


def drawn(trails: Trails, found: Detections, time_s: float) -> np.ndarray:
    """Return the columns that are drawn."""
    image = np.zeros((200, 400, 3), np.uint8)
    trails.draw(image, found, time_s)
    near = np.abs(image.astype(int) - COLOURS[0]).max(axis=2) < 90
    return np.flatnonzero(near.any(axis=0))


def test_a_trail_goes_back_two_seconds() -> None:
    trails = Trails()
    for n in range(40):
        columns = drawn(trails, at(20 + 8 * n), n / 10)
    assert abs(columns.min() - (20 + 8 * 19)) <= 3
    assert abs(columns.max() - (20 + 8 * 39)) <= 3


def test_each_track_has_its_own_and_one_that_is_gone_none() -> None:
    trails = Trails()
    drawn(trails, at(50, 1), 0.0)
    drawn(trails, at(300, 2), 0.1)
    columns = drawn(trails, at(320, 2), 0.2)
    assert columns.min() >= 298
    assert len(drawn(trails, Detections.empty(), 0.3)) == 0
    drawn(trails, at(100, 1), 5.0)
    assert drawn(trails, at(110, 1), 5.1).min() >= 98


def test_without_tracks_there_are_no_trails() -> None:
    trails = Trails()
    for n in range(3):
        assert len(drawn(trails, at(50 * n, None), n / 10)) == 0
