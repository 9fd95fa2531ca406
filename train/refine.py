"""The second look: where the sides of a box lie, by the features round it."""

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8  # pixels of the input a cell of the features
CHANNELS = 32
POINTS = 7  # along each side of a box
FURTHEST = 0.45  # of the box's sides, that one may move inwards: it never comes past the other one
REACH = 1.3  # of the box's sides: how far the points lie apart in all


class Refinement(nn.Module):
    """Moves the four sides of boxes, each by a weighted sum of what is seen at points of the box.

    A cell far from a side can but guess where it lies; the features there know. They are sampled at
    7×7 points that span the box and a little more (as RoIAlign does:
    https://arxiv.org/abs/1703.06870), and each point has weights of its own for each side (as the
    position-sensitive maps of R-FCN: https://arxiv.org/abs/1605.06409). A new one moves nothing.
    """

    points: Tensor

    def __init__(self) -> None:
        super().__init__()
        along = (torch.arange(POINTS) / (POINTS - 1) - 0.5) * REACH
        y, x = torch.meshgrid(along, along, indexing="ij")
        points = torch.stack([x, y], dim=2).flatten(0, 1)  # of the sides, from the box's middle
        self.register_buffer("points", points, persistent=False)
        self.weights = nn.Parameter(torch.zeros(4, len(points) * CHANNELS))
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        """Move boxes [B, K, 4], x1 y1 x2 y2 in pixels; features: [B, CHANNELS, H/8, W/8]."""
        seen = self.sampled(features.float(), boxes)
        if self.training:
            moves = seen @ self.weights.T
        else:  # written out, as engines would run a matrix product, and so the boxes, in bfloat16
            moves = (seen[:, :, None] * self.weights).sum(dim=3)
        sides = boxes[..., 2:] - boxes[..., :2]
        moves = moves + self.bias
        asked = moves[..., :2], moves[..., 2:]
        first, last = asked[0].clamp(max=FURTHEST), asked[1].clamp(min=-FURTHEST)
        if self.training:  # a side that was held still learns, or it would stay held for good
            first, last = (
                m + (held - m).detach() for m, held in zip(asked, (first, last), strict=True)
            )
        return boxes + torch.cat([first * sides, last * sides], dim=2)

    def sampled(self, features: Tensor, boxes: Tensor) -> Tensor:
        """Return the features at the points of each box, side by side, [B, K, POINTS²·CHANNELS]."""
        middles = (boxes[..., :2] + boxes[..., 2:]) / 2
        sides = boxes[..., 2:] - boxes[..., :2]
        x, y = (middles[:, :, None] + self.points * sides[:, :, None]).unbind(dim=3)
        height, width = features.shape[2:]
        places = torch.stack([2 * x / (width * STRIDE) - 1, 2 * y / (height * STRIDE) - 1], dim=3)
        seen = functional.grid_sample(features, places, padding_mode="border", align_corners=False)
        return seen.permute(0, 2, 3, 1).flatten(2)


def refine_rows(
    refinement: Refinement, features: Tensor, boxes: Tensor, pictures: Tensor
) -> Tensor:
    """Move boxes [M, 4] of several pictures; pictures: int64 [M], ascending, whose each one is."""
    count = torch.bincount(pictures, minlength=len(features))
    before = count.cumsum(0) - count
    row = torch.arange(len(boxes), device=boxes.device) - before[pictures]
    laid = boxes.new_zeros(len(features), int(count.max()), 4)
    laid[pictures, row] = boxes
    moved: Tensor = refinement(features, laid)[pictures, row]
    return moved
