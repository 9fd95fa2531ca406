"""True boxes and detections written as rows."""

from __future__ import annotations

import numpy as np

from train.matching import Found, Truth

Row = tuple[float, float, float, float, int]


def truth_of(*rows: Row) -> Truth:
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    return Truth(boxes, np.array([row[4] for row in rows], np.int64), (100, 100))


def found_of(*rows: tuple[float, float, float, float, int, float]) -> Found:
    boxes = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    scores = np.array([row[5] for row in rows], np.float32)
    return Found(boxes, scores, np.array([row[4] for row in rows], np.int64))
