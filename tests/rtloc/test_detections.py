"""The one array dataclass of detections."""

import numpy as np
import pytest

from rtloc import Detections


def two() -> Detections:
    boxes = np.array([[0, 0, 10, 10], [5, 5, 20, 30]], np.float32)
    return Detections(boxes, np.array([0.9, 0.4], np.float32), np.array([2, 0]), np.array([7, 8]))


def test_choosing_keeps_the_arrays_together() -> None:
    chosen = two()[np.array([False, True])]
    assert len(chosen) == 1
    assert chosen.boxes.tolist() == [[5, 5, 20, 30]]
    assert chosen.class_ids.tolist() == [0]
    assert chosen.track_ids is not None
    assert chosen.track_ids.tolist() == [8]
    assert len(two()[:0]) == 0


def test_empty_is_a_normal_value() -> None:
    assert len(Detections.empty()) == 0
    assert Detections.empty().boxes.shape == (0, 4)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="shapes"):
        Detections(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), np.zeros(2, np.int64))
