"""The part of the network behind the grids: boxes, scores, classes, best first, overlaps removed.

The same module is exported into the model file and used to measure during training.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.network import FIRST_CLASS, OBJECTNESS, GridNetwork, cells_of, decode_boxes, rows_of

MAX_DETECTIONS = 50
SAME_OBJECT_IOU = 0.6


class Localization(nn.Module):
    """A grid network with its answers decoded, as the model file's contract says."""

    def __init__(self, network: GridNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map frames, uint8 [B, H, W, 3] BGR, to boxes, scores and class ids.

        Returns boxes float32 [B, K, 4] x1 y1 x2 y2 in pixels, scores float32 [B, K] best first, and
        class_ids int64 [B, K], K = 50. A cell speaks only if no cell round it has a higher score
        (peak picking, as in CenterNet: https://arxiv.org/abs/1904.07850), and of the boxes that lie
        on one another only the best stays, so one object is not found twice; the silent ones have a
        score of 0.
        """
        levels = self.network(frames)
        peaks = torch.cat([peak_scores(level).flatten(1) for level in levels], dim=1)
        scores, cells = peaks.topk(MAX_DETECTIONS, dim=1)
        logits = taken(rows_of(levels), cells).float()
        boxes = decode_boxes(logits[..., :4], cells_of(levels)[cells])
        class_ids = logits[..., FIRST_CLASS:].argmax(dim=2)
        scores, order = (scores.float() * stands_alone(boxes)).topk(MAX_DETECTIONS, dim=1)
        return taken(boxes, order), scores, class_ids.gather(1, order)


def peak_scores(logits: Tensor) -> Tensor:
    """Return the scores of a grid's cells, [B, 1, H, W] of [B, 5 + C, H, W]; 0 but at peaks."""
    best = logits[:, FIRST_CLASS:].softmax(dim=1).amax(dim=1, keepdim=True)
    score = logits[:, OBJECTNESS : OBJECTNESS + 1].sigmoid() * best
    peak = score == functional.max_pool2d(score, 3, 1, 1)
    return score * peak.to(score.dtype)


def taken(rows: Tensor, which: Tensor) -> Tensor:
    """Take rows `which` [B, K] of [B, N, C]."""
    return rows.gather(1, which[:, :, None].expand(-1, -1, rows.shape[2]))


def stands_alone(boxes: Tensor) -> Tensor:
    """Return 1 for boxes [B, K, 4], best first, on which no better one lies, else 0, float [B, K].

    Unlike in greedy suppression, a box that is itself dropped still drops others (Fast NMS, as in
    YOLACT: https://arxiv.org/abs/1904.02689): all pairs at once, with plain operators.
    """
    corners, others = boxes[:, :, None], boxes[:, None]
    inner = (
        torch.minimum(corners[..., 2:], others[..., 2:])
        - torch.maximum(corners[..., :2], others[..., :2])
    ).clamp(min=0)
    both = inner[..., 0] * inner[..., 1]
    sides = boxes[..., 2:] - boxes[..., :2]
    areas = sides[..., 0] * sides[..., 1]
    union = areas[:, :, None] + areas[:, None] - both
    better = torch.ones(MAX_DETECTIONS, MAX_DETECTIONS, device=boxes.device).tril(-1)
    hidden = (both > SAME_OBJECT_IOU * union).float() * better
    return 1 - hidden.amax(dim=2)
