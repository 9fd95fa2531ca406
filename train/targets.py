"""Lay out the true boxes of a batch on the grid: what each cell should answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from train.generator import Sample
from train.network import STRIDE

CELLS_IN_REACH = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])


@dataclass(frozen=True, eq=False)
class Targets:
    """What each cell should answer.

    box_unit: float32 [B, 4, G, G], the sigmoids' targets, 0..1.
    boxes: float32 [B, 4, G, G], x1 y1 x2 y2 in pixels, the same boxes.
    class_ids: int64 [B, G, G].
    has_box: bool [B, G, G], cells whose box and class count: the four nearest an object's centre.
    objectness: float32 [B, G, G], 1 in the cell that holds an object's centre, else 0.
    objectness_counts: bool [B, G, G], false in cells that are near a centre but do not hold it:
    either
        answer is right there, for the centre may lie on their edge.
    """

    box_unit: Tensor
    boxes: Tensor
    class_ids: Tensor
    has_box: Tensor
    objectness: Tensor
    objectness_counts: Tensor

    def to(self, device: torch.device) -> Targets:
        """Return the same targets on another device."""
        moved = {f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)}
        return Targets(**moved)


def make_targets(samples: Sequence[Sample], grid: int) -> Targets:
    """Lay out the boxes of `samples` on grids of `grid` × `grid` cells.

    Where several objects claim a cell, the one whose centre it holds has it; among equals, the
    smaller, since the larger has more cells to be seen from.
    """
    picture = np.repeat(np.arange(len(samples)), [len(s.boxes) for s in samples])
    boxes = np.concatenate([s.boxes for s in samples]).reshape(-1, 4)
    ids = np.concatenate([s.class_ids for s in samples])
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE
    holders = np.clip(np.floor(centres).astype(int), 0, grid - 1)

    # one row per (object, cell in reach)
    cells = (np.floor(centres - 0.5).astype(int)[:, None] + CELLS_IN_REACH).reshape(-1, 2)
    owner = np.repeat(np.arange(len(boxes)), len(CELLS_IN_REACH))
    inside = ((cells >= 0) & (cells < grid)).all(axis=1)
    cells, owner = cells[inside], owner[inside]
    holds = (cells == holders[owner]).all(axis=1)
    order = np.lexsort((-sides.prod(axis=1)[owner], holds))  # the last to write a cell has it
    cells, owner = cells[order], owner[order]

    batch = len(samples)
    box_unit = np.zeros((batch, grid, grid, 4), np.float32)
    pixels = np.zeros((batch, grid, grid, 4), np.float32)
    class_ids = np.zeros((batch, grid, grid), np.int64)
    has_box = np.zeros((batch, grid, grid), bool)
    objectness = np.zeros((batch, grid, grid), np.float32)
    at = (picture[owner], cells[:, 1], cells[:, 0])
    box_unit[at] = np.concatenate(
        [(centres[owner] - cells + 0.5) / 2, np.sqrt(sides[owner] / (grid * STRIDE))], axis=1
    ).clip(0, 1)
    pixels[at] = boxes[owner]
    class_ids[at] = ids[owner]
    has_box[at] = True
    objectness[picture, holders[:, 1], holders[:, 0]] = 1
    return Targets(
        torch.from_numpy(box_unit).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(class_ids),
        torch.from_numpy(has_box),
        torch.from_numpy(objectness),
        torch.from_numpy(~has_box | (objectness > 0)),
    )
