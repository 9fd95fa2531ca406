"""Find the pictures on which a model does worst, and say what is wrong in each."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from train.matching import UNPAIRED, Found, Truth, iou_matrix, pair

WELL_PLACED = 0.75  # an IoU from which nobody complains
ANYWHERE_NEAR = 0.1


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong in a picture: how bad, from 0 on, and in a few words what."""

    badness: float
    text: str


@dataclass(frozen=True, eq=False)
class Case:
    """A picture with its faults, worst first. image: uint8 [H, W, 3] BGR."""

    name: str
    image: NDArray[np.uint8]
    truth: Truth
    found: Found
    faults: tuple[Fault, ...]

    @property
    def badness(self) -> float:
        """How bad all of it is."""
        return sum(fault.badness for fault in self.faults)


@dataclass
class WorstCases:
    """Keeps the worst pictures of those it is shown."""

    labels: Sequence[str]
    threshold: float
    most: int = 12
    _heap: list[tuple[float, int, Case]] = field(default_factory=list)
    _seen: int = 0

    def consider(self, name: str, image: NDArray[np.uint8], truth: Truth, found: Found) -> None:
        """Keep a picture if it is among the worst."""
        self._seen += 1
        kept = found.above(self.threshold)
        faults = faults_in(truth, kept, self.labels)
        if not faults:
            return
        case = Case(name, image, truth, kept, faults)
        # of equally bad ones the first stays
        heapq.heappush(self._heap, (case.badness, -self._seen, case))
        if len(self._heap) > self.most:
            heapq.heappop(self._heap)

    def cases(self) -> list[Case]:
        """Return those kept, the worst first."""
        return [case for _, _, case in sorted(self._heap, key=lambda row: row[:2], reverse=True)]


def faults_in(truth: Truth, found: Found, labels: Sequence[str]) -> tuple[Fault, ...]:
    """Say what is wrong with the detections in a picture, worst first."""
    overlaps = iou_matrix(found.boxes, truth.boxes)
    pairs = pair(truth, found)
    faults = [
        Fault(1 - iou, f"{labels[int(found.class_ids[n])]}: IoU {iou:.2f}")
        for n, m in enumerate(pairs)
        if m != UNPAIRED and (iou := float(overlaps[n, m])) < WELL_PLACED
    ]
    free = np.setdiff1d(np.arange(len(truth.boxes)), pairs)
    left = np.flatnonzero(pairs == UNPAIRED)
    rest = Truth(truth.boxes[free], truth.class_ids[free], truth.picture_wh)
    others = Found(found.boxes[left], found.scores[left], found.class_ids[left])
    near = pair(rest, others, ANYWHERE_NEAR, same_class=False)
    for n, m in enumerate(near):
        said, score = labels[int(others.class_ids[n])], float(others.scores[n])
        if m == UNPAIRED:
            faults.append(Fault(score, f"false {said} {score:.2f}"))
            continue
        iou = float(overlaps[left[n], free[m]])
        is_right = rest.class_ids[m] == others.class_ids[n]
        text = f"{said}: IoU {iou:.2f}" if is_right else f"{name_of(rest, m, labels)} as {said}"
        faults.append(Fault(1 + score, f"{text}, {score:.2f}"))
    missed = np.setdiff1d(np.arange(len(free)), near)
    faults += [Fault(1, f"missed {name_of(rest, m, labels)}") for m in missed.tolist()]
    return tuple(sorted(faults, key=lambda fault: -fault.badness))


def name_of(truth: Truth, index: int, labels: Sequence[str]) -> str:
    """Return the label of a true box."""
    return labels[int(truth.class_ids[index])]
