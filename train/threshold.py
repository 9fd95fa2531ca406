"""Choose the default threshold by measurement.

The F1 of a detector hardly changes over a wide range of thresholds, but how often it sees things
that are not there does. So first come the limits for pictures without objects: 1 false detection in
1,000 photos, and 2 in 100 drawings of other things taken for an object. Only half of the first and
three quarters of the second are used up, because the pictures to come are others than those
measured, and what is rare is known less surely. Of the thresholds that keep within them it is the
lowest whose F1 is within 0.01 of the best among them: low, so that objects are not lost from one
frame to the next.

Where the limits cost more than a tenth of the best F1, as with a barely trained net, they are
given up: it is the highest threshold that keeps nine tenths of it, and the measured rates say how
far the limits are broken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FALSE_LIMIT = 0.001  # per picture without an object
MISTAKEN_LIMIT = 0.02  # per drawing of something else
FALSE_PART, MISTAKEN_PART = 0.5, 0.75  # of the limits, that may be used up
NEAR_BEST_F1 = 0.01
LEAST_F1 = 0.9  # of the best
NOTHING_RIGHT = 0.5  # the threshold of a model that finds nothing
# a thousandth is fine enough, and what is printed is then what is used
GRID = (np.arange(1, 1000) / 1000).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Trials:
    """Chances to find something where nothing is.

    scores: float32 [N], of each false detection, in any order; count: of pictures; limit: of false
    detections per picture; part: of the limit that may be used up.
    """

    scores: NDArray[np.float32]
    count: int
    limit: float = FALSE_LIMIT
    part: float = FALSE_PART

    def false(self, threshold: float) -> int:
        """Count the false detections at a threshold."""
        return int((self.scores >= threshold).sum())

    def rate(self, threshold: float) -> float:
        """Return the false detections per picture at a threshold."""
        return self.false(threshold) / max(1, self.count)


def choose_threshold(
    scores: NDArray[np.float32],
    right: NDArray[np.bool_],
    truths: int,
    trials: Sequence[Trials] = (),
) -> float:
    """Choose the threshold, a whole number of thousandths.

    scores, right: float32 and bool [N], of each detection in pictures with known boxes, and whether
    it found one; truths: how many boxes there are to be found.
    """
    f1 = f1_on_grid(scores, right, truths)
    best = f1.max()
    if best <= 0:
        return NOTHING_RIGHT
    needed = max((lowest_within(t) for t in trials), default=0.0)
    within = np.float32(needed) <= GRID
    best_within = f1[within].max()
    if best_within < LEAST_F1 * best:
        return grid_value(f1 >= LEAST_F1 * best, -1)
    return grid_value(within & (f1 >= best_within - NEAR_BEST_F1), 0)


def choose_by_presence(best_scores: NDArray[np.float32], there: NDArray[np.bool_]) -> float:
    """Choose the threshold that tells best whether there is an object in a picture at all.

    best_scores, there: float32 and bool [N], the best score in each picture, 0 where nothing was
    found, and whether it holds an object. Of equally good thresholds it is the one in the middle.
    """
    right = at_least(best_scores[there]) + (~there).sum() - at_least(best_scores[~there])
    best = right == right.max()
    return grid_value(best, int(best.sum()) // 2)


def f1_on_grid(
    scores: NDArray[np.float32], right: NDArray[np.bool_], truths: int
) -> NDArray[np.float64]:
    """Return F1 at each threshold of GRID, float64 [999]."""
    found = at_least(scores)
    hits = at_least(scores[right])
    f1: NDArray[np.float64] = 2 * hits / np.maximum(found + truths, 1)
    return f1


def at_least(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the scores that reach each threshold of GRID, int64 [999]."""
    rising = np.sort(scores)
    return len(rising) - np.searchsorted(rising, GRID, side="left")


def lowest_within(trials: Trials) -> float:
    """Return the lowest threshold of GRID that uses up no more of the limit than it may."""
    allowed = trials.count * trials.limit * trials.part
    within = at_least(trials.scores) <= allowed + 1e-9
    return grid_value(within, 0) if within.any() else grid_value(~within, -1)


def grid_value(which: NDArray[np.bool_], n: int) -> float:
    """Return the n-th of the chosen thresholds of GRID, as exactly as it is printed."""
    return round(float(GRID[which][n]), 3)
