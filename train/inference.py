"""The part of the network behind the grids: boxes, scores, classes, best first, overlaps removed.

The same module is exported into the model file and used to measure during training.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.network import (
    FIRST_CLASS,
    OBJECTNESS,
    GridNetwork,
    Levels,
    cells_of,
    decode_boxes,
    side_by_side,
)

MAX_DETECTIONS = 50
# the surest cells, of which so many are answered when overlaps are removed: one object may peak on
# several grids; no more, as the smallest input, 128×32 px, has 84 cells
CANDIDATES = 64
LOOKED_AT_AGAIN = 16  # the surest; to look at all again costs a sixth of an engine's time more
SILENT = -1e3  # the logit of a score of 0
SAME_OBJECT_IOU = 0.6
TINY_PX2 = 1e-6


class Localization(nn.Module):
    """A grid network with its answers decoded, as the model file's contract says."""

    def __init__(self, network: GridNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map frames, uint8 [B, H, W, 3] BGR, to boxes, scores and class ids.

        Returns boxes float32 [B, K, 4] x1 y1 x2 y2 in pixels, scores float32 [B, K] best first, and
        class_ids int64 [B, K], K = 50. A cell speaks only if no cell round it has a higher
        objectness (peak picking, as in CenterNet: https://arxiv.org/abs/1904.07850), and of the
        boxes that lie on one another the one of most objectness stays, so none is found twice; the
        silent ones have a score of 0. A score is the objectness times the part of the best class
        times the root of the IoU of both looks' boxes; only the surest are looked at twice. From
        the grids' logits on all is float32.
        """
        levels, features = self.network(frames)
        levels = tuple(level.float() for level in levels)
        peaks = torch.cat([peaks_of(level).flatten(1) for level in levels], dim=1)
        objectness, peaked = peaks.topk(CANDIDATES, dim=1)
        logits = logits_of(levels, peaked)
        first_look = decode_boxes(logits[..., :4], cells_of(levels)[peaked])
        surest, others = first_look[:, :LOOKED_AT_AGAIN], first_look[:, LOOKED_AT_AGAIN:]
        second_look = self.network.refinement(features, surest)
        # what the second look sees elsewhere is seldom an object: a flower, another drawing
        both, union = overlap(surest, second_look)
        agreement = ((both + TINY_PX2) / (union + TINY_PX2)).sqrt()
        agreement = torch.cat([agreement, torch.ones_like(others[..., 0])], dim=1)
        boxes = torch.cat([second_look, others], dim=1)
        best, class_ids = logits[..., FIRST_CLASS:].softmax(dim=2).max(dim=2)
        both, union = overlap(boxes[:, :, None], boxes[:, None])
        alone = stands_alone(both > SAME_OBJECT_IOU * union)
        certain = objectness.sigmoid() * best * agreement
        scores, order = (certain * alone).topk(MAX_DETECTIONS, dim=1)
        return taken(boxes, order), scores, class_ids.gather(1, order)


def peaks_of(logits: Tensor) -> Tensor:
    """Return the objectness of a grid's cells, logits [B, 1, H, W] of [B, 5 + C, H, W].

    It is very low (no object) but at peaks.
    """
    objectness = logits[:, OBJECTNESS : OBJECTNESS + 1]
    is_peak = objectness == functional.max_pool2d(objectness, 3, 1, 1)
    return torch.where(is_peak, objectness, SILENT)


def logits_of(levels: Levels, cells: Tensor) -> Tensor:
    """Return the logits of `cells` [B, K], numbered as in rows_of, [B, K, 5 + C].

    Taken before they are laid in rows: that would move all of them.
    """
    every = side_by_side(levels)
    return every.gather(2, cells[:, None].expand(-1, every.shape[1], -1)).transpose(1, 2)


def taken(rows: Tensor, which: Tensor) -> Tensor:
    """Take rows `which` [B, K] of [B, N, C]."""
    return rows.gather(1, which[:, :, None].expand(-1, -1, rows.shape[2]))


def overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas that boxes [..., 4] share and cover together, pair by pair, [...]."""
    # side by side, as engines are slow where the last axis is short
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.unbind(dim=-1), b.unbind(dim=-1)
    wide = (torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1)).clamp(min=0)
    high = (torch.minimum(ay2, by2) - torch.maximum(ay1, by1)).clamp(min=0)
    both = wide * high
    return both, (ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both


def stands_alone(alike: Tensor) -> Tensor:
    """Return 1 for boxes, surest first, on which no surer one lies, else 0, float [B, K].

    alike: which lie on one another, bool [B, K, K]. Unlike in greedy suppression, a box that is
    itself dropped still drops others (Fast NMS, as in YOLACT: https://arxiv.org/abs/1904.02689):
    all pairs at once, with plain operators.
    """
    better = torch.ones(CANDIDATES, CANDIDATES, device=alike.device).tril(-1)
    return 1 - (alike.float() * better).amax(dim=2)
