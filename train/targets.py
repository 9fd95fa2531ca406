"""Lay out the true boxes of a batch on the grids: what each cell should answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.network import CENTRE_REACH, STRIDES
from train.samples import Sample

NO_OBJECT = -1  # as the owner of a cell
CORE = 0.25  # of an object's width and height: how far from its centre cells speak for it
CORE_CELLS = (0.7, CENTRE_REACH / 2 - 0.5)  # but at least and at most as many cells
RING_CELLS = 1.0  # round the core, where either answer is right
LONGEST = 8.0  # cells: an object with a longer side of more belongs to the next coarser grid
EITHER_GRID = 1.3  # up to that many times too long or too short, the neighbour may speak as well


@dataclass(frozen=True, eq=False)
class Targets:
    """What each cell should answer.

    The N cells of all grids lie in one row, as in train.network.rows_of.

    owner: int64 [B, N], the object that a cell speaks for, as a row of the next two, or NO_OBJECT.
    boxes: float32 [M, 4], x1 y1 x2 y2 in pixels; class_ids: int64 [M].
    counts: bool [B, N], false in cells near a core: there, either answer is right.
    """

    owner: Tensor
    boxes: Tensor
    class_ids: Tensor
    counts: Tensor

    def with_silent(self, pictures: int) -> Targets:
        """Return the same targets and, behind them, those of pictures without objects."""
        silent = self.owner.new_full((pictures, *self.owner.shape[1:]), NO_OBJECT)
        counts = torch.ones_like(silent, dtype=torch.bool)
        return replace(
            self,
            owner=torch.cat([self.owner, silent]),
            counts=torch.cat([self.counts, counts]),
        )

    def to(self, device: torch.device) -> Targets:
        """Return the same targets on another device."""
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)}
        return Targets(**moved)


def make_targets(samples: Sequence[Sample]) -> Targets:
    """Lay out the boxes of `samples`, pictures of one size.

    The longer side of an object decides which grid it belongs to. There, the cells in the core of
    its box, an ellipse round its centre, speak for it; where several objects claim a cell, the one
    whose centre is nearer, as a part of its core, has it.
    """
    height, width = samples[0].image.shape[:2]
    owners, counts = [], []
    first = 0
    for sample in samples:
        grids = [lay_out(sample.boxes, first, s, height // s, width // s) for s in STRIDES]
        owners.append(np.concatenate([owner.ravel() for owner, _ in grids]))
        counts.append(np.concatenate([count.ravel() for _, count in grids]))
        first += len(sample.boxes)
    return Targets(
        torch.from_numpy(np.stack(owners)),
        torch.from_numpy(np.concatenate([s.boxes for s in samples]).reshape(-1, 4)),
        torch.from_numpy(np.concatenate([s.class_ids for s in samples])),
        torch.from_numpy(np.stack(counts)),
    )


def belong(boxes: NDArray[np.float32], stride: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which boxes [N, 4] belong to a grid, and for which its cells may speak, two bool [N]."""
    cells = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / stride
    low = 0.0 if stride == STRIDES[0] else LONGEST / 2
    high = np.inf if stride == STRIDES[-1] else LONGEST
    here = (cells > low) & (cells <= high)
    near = (cells > low / EITHER_GRID) & (cells <= high * EITHER_GRID)
    return here, near


def lay_out(
    boxes: NDArray[np.float32], first: int, stride: int, rows: int, columns: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the owners, from number `first` on, of one picture's cells, and which cells count.

    Both [rows, columns], of the grid of that stride.
    """
    owner = np.full((rows, columns), NO_OBJECT, np.int64)
    here, near = belong(boxes, stride)
    rings = ellipses(boxes[near], stride, rows, columns, RING_CELLS)
    counts = rings.min(axis=0, initial=np.inf) > 1
    objects = np.nonzero(here)[0]
    if not len(objects):
        return owner, counts
    mine = boxes[objects]
    distance = ellipses(mine, stride, rows, columns)
    holders = ((mine[:, :2] + mine[:, 2:]) / 2 / stride).astype(int)
    x, y = np.clip(holders, 0, (columns - 1, rows - 1)).T
    of = np.arange(len(objects))
    distance[of, y, x] = np.minimum(distance[of, y, x], 0.5)
    inside = distance.min(axis=0) <= 1
    owner[inside] = objects[distance.argmin(axis=0)[inside]] + first
    return owner, counts | inside


def ellipses(
    boxes: NDArray[np.float32], stride: int, rows: int, columns: int, extra: float = 0.0
) -> NDArray[np.float64]:
    """Return how far cells lie from the boxes' centres, [N, rows, columns]; 1: on the core's edge.

    extra: cells by which the cores are larger.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / stride
    radii = np.clip((boxes[:, 2:] - boxes[:, :2]) / stride * CORE, *CORE_CELLS) + extra
    across = (np.arange(columns) + 0.5 - centres[:, :1]) / radii[:, :1]  # [N, columns]
    down = (np.arange(rows) + 0.5 - centres[:, 1:]) / radii[:, 1:]  # [N, rows]
    return np.asarray(down[:, :, None] ** 2 + across[:, None, :] ** 2)
