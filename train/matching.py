"""Pair detections with true boxes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.samples import Sample

UNPAIRED = -1


@dataclass(frozen=True, eq=False)
class Truth:
    """What is truly in one picture.

    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels; class_ids: int64 [N]; picture_wh: the picture's
    width and height in pixels.
    """

    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    picture_wh: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one picture.

    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels; scores: float32 [N]; class_ids: int64 [N].
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]

    def above(self, threshold: float) -> "Found":
        """Return those with at least this score."""
        kept = self.scores >= threshold
        return Found(self.boxes[kept], self.scores[kept], self.class_ids[kept])


def truth_of(sample: Sample | Truth) -> Truth:
    """Return the truth of a picture without its pixels."""
    if isinstance(sample, Truth):
        return sample
    height, width = sample.image.shape[:2]
    return Truth(sample.boxes, sample.class_ids, (width, height))


def iou_matrix(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU of each box of `a` [N, 4] with each of `b` [M, 4], float32 [N, M]."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    areas_a, areas_b = ((x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b))
    union = areas_a[:, None] + areas_b[None] - both
    overlaps: NDArray[np.float32] = both / np.maximum(union, np.float32(1e-9))
    return overlaps


def pair(
    truth: Truth, found: Found, least_iou: float = 0.5, *, same_class: bool = True
) -> NDArray[np.int64]:
    """Give each detection the true box that it found: its index, or −1; int64 [N].

    As COCO does it: the best score first, each takes the free true box it overlaps most, if that
    is enough. So leaving out detections below a threshold changes no pair above it.
    """
    overlaps = iou_matrix(found.boxes, truth.boxes)
    if same_class:
        overlaps[found.class_ids[:, None] != truth.class_ids[None]] = -1
    pairs = np.full(len(found.scores), UNPAIRED, np.int64)
    if not overlaps.size:
        return pairs
    for n in np.argsort(-found.scores, kind="stable"):
        best = int(overlaps[n].argmax())
        if overlaps[n, best] >= least_iou:
            pairs[n] = best
            overlaps[:, best] = -1
    return pairs
