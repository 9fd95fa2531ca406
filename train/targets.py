"""Lay out the true boxes of a batch on the grid: what each cell should answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.generator import Sample
from train.network import CENTRE_REACH, STRIDE

CORE = 0.12  # of an object's width and height: how far from its centre cells speak for it
CORE_CELLS = (0.5, CENTRE_REACH / 2 - 0.5)  # but at least and at most as many cells
RING_CELLS = 1.0  # round the core, where either answer is right


@dataclass(frozen=True, eq=False)
class Targets:
    """What each cell should answer.

    owner: int64 [B, G, G'], the object that a cell speaks for, as a row of the next two; -1: none.
    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels; class_ids: int64 [N].
    counts: bool [B, G, G'], false in cells near a core: there, either answer is right.
    """

    owner: Tensor
    boxes: Tensor
    class_ids: Tensor
    counts: Tensor

    def to(self, device: torch.device) -> Targets:
        """Return the same targets on another device."""
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)}
        return Targets(**moved)


def make_targets(samples: Sequence[Sample]) -> Targets:
    """Lay out the boxes of `samples`, pictures of one size.

    The cells in the core of a box, an ellipse round its centre, speak for it; where several
    objects claim a cell, the one whose centre is nearer, as a part of its core, has it.
    """
    height, width = samples[0].image.shape[:2]
    rows, columns = height // STRIDE, width // STRIDE
    owner = np.full((len(samples), rows, columns), -1, np.int64)
    counts = np.ones((len(samples), rows, columns), bool)
    first = 0
    for n, sample in enumerate(samples):
        lay_out(sample.boxes, first, owner[n], counts[n])
        first += len(sample.boxes)
    return Targets(
        torch.from_numpy(owner),
        torch.from_numpy(np.concatenate([s.boxes for s in samples]).reshape(-1, 4)),
        torch.from_numpy(np.concatenate([s.class_ids for s in samples])),
        torch.from_numpy(counts),
    )


def lay_out(
    boxes: NDArray[np.float32], first: int, owner: NDArray[np.int64], counts: NDArray[np.bool_]
) -> None:
    """Write the owners, from number `first` on, of one picture's cells, and which cells count."""
    if not len(boxes):
        return
    rows, columns = owner.shape
    x, y = np.arange(columns) + 0.5, np.arange(rows) + 0.5
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE
    radii = np.clip((boxes[:, 2:] - boxes[:, :2]) / STRIDE * CORE, *CORE_CELLS)
    across = np.abs(x[None] - centres[:, :1])[:, None, :]  # [N, 1, columns]
    down = np.abs(y[None] - centres[:, 1:])[:, :, None]  # [N, rows, 1]

    def ellipse(extra: float) -> NDArray[np.float64]:
        wide, high = (radii + extra)[:, 0, None, None], (radii + extra)[:, 1, None, None]
        return np.asarray((across / wide) ** 2 + (down / high) ** 2)

    distance = ellipse(0.0)
    holders = np.clip(centres.astype(int), 0, (columns - 1, rows - 1))
    objects = np.arange(len(boxes))
    distance[objects, holders[:, 1], holders[:, 0]] = np.minimum(
        distance[objects, holders[:, 1], holders[:, 0]], 0.5
    )
    nearest = distance.argmin(axis=0)
    inside = distance.min(axis=0) <= 1
    owner[inside] = nearest[inside] + first
    counts[:] = inside | (ellipse(RING_CELLS).min(axis=0) > 1)
