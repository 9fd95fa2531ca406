"""Find out whether two ways to run a model give the same answers: precisions, runtimes, devices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.evaluate import measure
from train.matching import UNPAIRED, Found, Truth, pair
from train.samples import Sample

SAME_OBJECT_IOU = 0.5
# how far two answers may lie apart; each figure must stay below its limit
MAP_LIMIT = 0.003
MEDIAN_LIMIT_PX = 0.5
WORST_LIMIT_PX = 2.0
SCORE_LIMIT = 0.01
# the same in 8 bits
ROUNDED_MAP_LIMIT = 0.01
MISSED_PART = 0.01  # of the objects


@dataclass(frozen=True)
class Parity:
    """How far two answers to the same pictures lie apart.

    pictures: how many; matched: objects that both found; missed: that only one found, the other not
    with any score; map50_95: of both; median_px, worst_px: how far the sides of matched boxes lie
    apart, in pixels of the input, at the worst side of a box; worst_score: the same of the scores.
    """

    pictures: int
    matched: int
    missed: int
    map50_95: tuple[float, float]
    median_px: float
    worst_px: float
    worst_score: float

    def faults(self, in_8_bits: bool = False) -> list[str]:
        """Say what goes beyond a limit; nothing: both answers are alike.

        in_8_bits: whether either is rounded so far that single objects may differ; then what counts
        is all of them together, and one in 100 may be missed.
        """
        map_limit = ROUNDED_MAP_LIMIT if in_8_bits else MAP_LIMIT
        checks = [
            ("mAP@50:95", abs(self.map50_95[0] - self.map50_95[1]), map_limit),
            ("boxes at the median, px", self.median_px, MEDIAN_LIMIT_PX),
        ]
        if not in_8_bits:
            checks += [
                ("boxes at the worst, px", self.worst_px, WORST_LIMIT_PX),
                ("scores at the worst", self.worst_score, SCORE_LIMIT),
            ]
        faults = [
            f"{name}: {value:.4g} apart, and the limit is {limit:g}"
            for name, value, limit in checks
            if not value < limit
        ]
        if self.missed > in_8_bits * MISSED_PART * self.matched:
            faults.append(f"{self.missed} objects were found by one of both only")
        return faults


def parity(
    samples: Sequence[Sample | Truth],
    answers: tuple[Sequence[Found], Sequence[Found]],
    labels: Sequence[str],
    threshold: float,
) -> Parity:
    """Compare two answers to the same pictures.

    Detections from `threshold` on count for boxes and scores, all of them for mAP.
    """
    first, second = answers
    figures = [measure(samples, found, labels, threshold) for found in answers]
    boxes, scores, missed = [np.zeros(0)], [np.zeros(0)], 0
    for one, other in zip(first, second, strict=True):
        for a, b in ((one.above(threshold), other), (other.above(threshold), one)):
            partners = partners_of(a, b)
            there = partners != UNPAIRED
            missed += int((~there).sum())
            apart = np.abs(a.boxes[there] - b.boxes[partners[there]])
            boxes.append(apart.max(axis=1, initial=0))
            scores.append(np.abs(a.scores[there] - b.scores[partners[there]]))
    px, points = np.concatenate(boxes), np.concatenate(scores)
    return Parity(
        pictures=len(samples),
        matched=len(px) // 2,
        missed=missed,
        map50_95=(figures[0].map50_95, figures[1].map50_95),
        median_px=float(np.median(px)) if len(px) else 0.0,
        worst_px=float(px.max(initial=0)),
        worst_score=float(points.max(initial=0)),
    )


def partners_of(found: Found, others: Found) -> NDArray[np.int64]:
    """Return for each detection the one of `others` of its class that lies on it, or −1."""
    return pair(Truth(others.boxes, others.class_ids, (1, 1)), found, SAME_OBJECT_IOU)
