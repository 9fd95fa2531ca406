"""What a model gets right at one threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from train.matching import UNPAIRED, Found, Truth, iou_matrix, pair


@dataclass(frozen=True)
class Accuracy:
    """Parts of 1 at one threshold; `Figures` says what each is."""

    precision: float
    recall: float
    mean_iou: float
    class_accuracy: float
    presence_accuracy: float


def accuracy(truths: Sequence[Truth], found: Sequence[Found], threshold: float) -> Accuracy:
    """Count what is right among the detections with at least a score of `threshold`."""
    kept = [one.above(threshold) for one in found]
    cases = list(zip(truths, kept, strict=True))
    hits = sum(int((pair(truth, one) != UNPAIRED).sum()) for truth, one in cases)
    present = [bool(len(truth.boxes)) == bool(len(one.boxes)) for truth, one in cases]
    return Accuracy(
        part(hits, sum(len(one.boxes) for one in kept)),
        part(hits, sum(len(truth.boxes) for truth in truths)),
        mean_iou(truths, kept),
        class_accuracy(truths, kept),
        part(sum(present), len(present)),
    )


def part(some: float, of: int) -> float:
    """Return some / of, or 0 where there is nothing."""
    return some / of if of else 0.0


def mean_iou(truths: Sequence[Truth], kept: Sequence[Found]) -> float:
    """Return the mean IoU of what was found with the true boxes, whatever its class.

    Where no picture has more than one object: of the best-scored detection with the true box, a
    missed one counting 0. Else: of the true boxes that were found (IoU of at least 0.5).
    """
    cases = list(zip(truths, kept, strict=True))
    if all(len(truth.boxes) <= 1 for truth in truths):
        ious = [best_scored_iou(truth, one) for truth, one in cases if len(truth.boxes)]
    else:
        ious = [iou for truth, one in cases for iou in paired_ious(truth, one)]
    return part(sum(ious), len(ious))


def best_scored_iou(truth: Truth, found: Found) -> float:
    """Return the IoU of the best-scored detection with the only true box."""
    if not len(found.scores):
        return 0.0
    best = int(found.scores.argmax())
    return float(iou_matrix(found.boxes[best : best + 1], truth.boxes)[0, 0])


def paired_ious(truth: Truth, found: Found) -> list[float]:
    """Return the IoU of each pair of a detection and a true box of any class."""
    pairs = pair(truth, found, same_class=False)
    paired = np.flatnonzero(pairs != UNPAIRED)
    values: list[float] = iou_matrix(found.boxes, truth.boxes)[paired, pairs[paired]].tolist()
    return values


def class_accuracy(truths: Sequence[Truth], kept: Sequence[Found]) -> float:
    """Return, of the true boxes that were found as anything, the part found as what they are."""
    right = total = 0
    for truth, one in zip(truths, kept, strict=True):
        pairs = pair(truth, one, same_class=False)
        paired = pairs != UNPAIRED
        right += int((one.class_ids[paired] == truth.class_ids[pairs[paired]]).sum())
        total += int(paired.sum())
    return part(right, total)
