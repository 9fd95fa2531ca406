"""The part of the network behind the grid: boxes, scores and classes, best first, overlaps removed.

The same module is exported into the model file and used to measure during training.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from train.network import FIRST_CLASS, OBJECTNESS, GridNetwork, decode_boxes

MAX_DETECTIONS = 50


class Localization(nn.Module):
    """A grid network with its answers decoded, as the model file's contract says."""

    def __init__(self, network: GridNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map frames, uint8 [B, S, S, 3] BGR, to boxes, scores and class ids.

        Returns boxes float32 [B, K, 4] x1 y1 x2 y2 in pixels, scores float32 [B, K] best first, and
        class_ids int64 [B, K], K = 50, or the number of cells where that is less. A cell speaks
        only if no cell round it has a higher score (peak picking, as in CenterNet:
        https://arxiv.org/abs/1904.07850), so one object is not found twice; the silent ones have a
        score of 0.
        """
        grid, size = self.network.shape.grid, self.network.shape.size
        rows_kept = min(MAX_DETECTIONS, grid * grid)
        logits = self.network(frames)
        class_scores = logits[:, FIRST_CLASS:].softmax(dim=1)
        best = class_scores.amax(dim=1, keepdim=True)
        score = logits[:, OBJECTNESS : OBJECTNESS + 1].sigmoid() * best
        peak = score == functional.max_pool2d(score, 3, 1, 1)
        scores, cells = (score * peak.to(score.dtype)).flatten(1).topk(rows_kept, dim=1)
        columns, rows = cells % grid, cells // grid
        corners = torch.stack([columns, rows], dim=1).float()
        chosen = cells[:, None].expand(-1, 4, -1)
        box_logits = logits[:, :4].flatten(2).gather(2, chosen).float()
        boxes = decode_boxes(box_logits, corners, size).transpose(1, 2)
        class_ids = class_scores.argmax(dim=1).flatten(1).gather(1, cells)
        return boxes, scores.float(), class_ids
