"""The part of the network behind the grids: boxes, scores, classes, best first, overlaps removed.

The same module is exported into the model file and used to measure during training.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.network import (
    FIRST_CLASS,
    OBJECTNESS,
    STRIDES,
    GridNetwork,
    Levels,
    cells_of,
    decode_boxes,
    side_by_side,
)

MAX_DETECTIONS = 50
SILENT = -1e3  # the logit of a score of 0
SAME_OBJECT_IOU = 0.6
TWIN_IOU = 0.8  # of two grids' boxes: both have a vote
VOTING_IOU = 0.65  # with a peak's box: cells whose boxes overlap it so far vote on it
CELLS_ROUND, MIDDLE = 9, 4  # a cell and those round it; which of them is the cell itself
VOTING_SHARPNESS = 4  # how much more a cell counts that is surer of its box


class Localization(nn.Module):
    """A grid network with its answers decoded, as the model file's contract says."""

    def __init__(self, network: GridNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map frames, uint8 [B, H, W, 3] BGR, to boxes, scores and class ids.

        Returns boxes float32 [B, K, 4] x1 y1 x2 y2 in pixels, scores float32 [B, K] best first, and
        class_ids int64 [B, K], K = 50. A cell speaks only if no cell round it has a higher
        objectness (peak picking, as in CenterNet: https://arxiv.org/abs/1904.07850), the cells
        round it have a vote on its box, and of the boxes that lie on one another only the best
        stays, so one object is not found twice; the silent ones have a score of 0.
        """
        levels = self.network(frames)
        peaks = torch.cat([peaks_of(level).flatten(1) for level in levels], dim=1)
        objectness, peaked = peaks.float().topk(MAX_DETECTIONS, dim=1)
        cells = cells_of(levels)
        columns = levels[0].shape[3] * STRIDES[0] / cells[:, 2]
        voters = cells_round(peaked, columns)
        logits = logits_of(levels, voters).float()
        boxes = decode_boxes(logits[..., :4], cells[voters])
        best, class_ids = logits[:, :, MIDDLE, FIRST_CLASS:].softmax(dim=2).max(dim=2)
        scores = objectness.sigmoid() * best
        both, union = overlap(boxes[:, :, None, MIDDLE], boxes[:, None, :, MIDDLE])
        voted = vote_among_cells(boxes, logits[..., OBJECTNESS].sigmoid())
        voted = vote_among_peaks(voted, scores, both > TWIN_IOU * union)
        alone = stands_alone(both > SAME_OBJECT_IOU * union)
        scores, order = (scores * alone).topk(MAX_DETECTIONS, dim=1)
        return taken(voted, order), scores, class_ids.gather(1, order)


def peaks_of(logits: Tensor) -> Tensor:
    """Return the objectness of a grid's cells, logits [B, 1, H, W] of [B, 5 + C, H, W].

    It is very low (no object) but at peaks.
    """
    objectness = logits[:, OBJECTNESS : OBJECTNESS + 1]
    is_peak = objectness == functional.max_pool2d(objectness, 3, 1, 1)
    return torch.where(is_peak, objectness, SILENT)


def logits_of(levels: Levels, cells: Tensor) -> Tensor:
    """Return the logits of `cells` [B, K, V], numbered as in rows_of, [B, K, V, 5 + C].

    Taken before they are laid in rows: that would move all of them.
    """
    every = side_by_side(levels)
    which = cells.flatten(1)[:, None].expand(-1, every.shape[1], -1)
    few = every.gather(2, which).transpose(1, 2)
    return few.reshape(few.shape[0], cells.shape[1], cells.shape[2], -1)


def taken(rows: Tensor, which: Tensor) -> Tensor:
    """Take rows `which` [B, K] of [B, N, C]."""
    return rows.gather(1, which[:, :, None].expand(-1, -1, rows.shape[2]))


def cells_round(cells: Tensor, columns: Tensor) -> Tensor:
    """Return the cells round `cells` [B, K] and themselves, row by row, int64 [B, K, 9].

    columns: how many the grid of each cell has, [N]. Beyond a grid's edge other cells come, far
    away or of another grid.
    """
    width = columns[cells].long()
    moves = [x + y * width for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return (cells[..., None] + torch.stack(moves, dim=2)).clamp(0, columns.shape[0] - 1)


def vote_among_cells(boxes: Tensor, sure: Tensor) -> Tensor:
    """Return the mean of what nine cells each say: boxes [B, K, 4] of [B, K, 9, 4].

    sure: how sure the cells are, 0..1, [B, K, 9]. Those whose box is another than the middle one's
    have no vote. The cells of one object err in different ways, so the mean errs less (as in box
    voting: https://arxiv.org/abs/1505.01749).
    """
    both, union = overlap(boxes[:, :, MIDDLE : MIDDLE + 1], boxes)
    return mean(boxes, sure * (both >= VOTING_IOU * union).float())


def vote_among_peaks(boxes: Tensor, scores: Tensor, twins: Tensor) -> Tensor:
    """Return the mean of the boxes [B, K, 4] that are twins, bool [B, K, K]; scores: [B, K].

    Where two grids see one object and are nearly as sure, it matters no more which one is surer.
    """
    return mean(boxes[:, None], scores[:, None] * twins.float())


def mean(boxes: Tensor, sure: Tensor) -> Tensor:
    """Return the mean of boxes [..., V, 4], of which the surer ones count more, [..., 4].

    sure: 0 or more, [..., V]; where all are 0, so are the box's sides. Written out, as engines
    would run a matrix product in half precision.
    """
    weight = (sure / sure.amax(dim=-1, keepdim=True).clamp(min=1e-12)) ** VOTING_SHARPNESS
    weight = weight / weight.sum(dim=-1, keepdim=True).clamp(min=1e-6)
    return (weight[..., None] * boxes).sum(dim=-2)


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas that boxes [..., 4] share and cover together, pair by pair, [...]."""
    inner = torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])
    inner = inner.clamp(min=0)
    both = inner[..., 0] * inner[..., 1]
    sides_a, sides_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    return both, sides_a[..., 0] * sides_a[..., 1] + sides_b[..., 0] * sides_b[..., 1] - both


def stands_alone(alike: Tensor) -> Tensor:
    """Return 1 for boxes, best first, on which no better one lies, else 0, float [B, K].

    alike: which lie on one another, bool [B, K, K]. Unlike in greedy suppression, a box that is
    itself dropped still drops others (Fast NMS, as in YOLACT: https://arxiv.org/abs/1904.02689):
    all pairs at once, with plain operators.
    """
    better = torch.ones(MAX_DETECTIONS, MAX_DETECTIONS, device=alike.device).tril(-1)
    return 1 - (alike.float() * better).amax(dim=2)
