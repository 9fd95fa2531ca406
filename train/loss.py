"""The loss: binary cross entropy on the five, cross entropy on the classes, where an object is.

A cell answers with five sigmoids (centre x, centre y, width, height, is there an object) and a
softmax over the classes. Objectness is learnt in every cell; box and class only in cells that have
an object. A GIoU term on the boxes (Rezatofighi et al., 2019: https://arxiv.org/abs/1902.09630) can
be added.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from train.network import FIRST_CLASS, OBJECTNESS, STRIDE, cell_corners, decode_boxes
from train.targets import Targets


@dataclass(frozen=True, eq=False)
class LossParts:
    """The parts of the loss, each a scalar per object; `total` is what is minimised."""

    total: Tensor
    objectness: Tensor
    box: Tensor
    giou: Tensor
    classes: Tensor


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of boxes [N, 4] x1 y1 x2 y2, pair by pair: -1 (far apart) to 1 (equal)."""
    inner = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    outer = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    both = inner.prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - both
    hull = outer.prod(dim=1).clamp(min=1e-6)
    return both / union.clamp(min=1e-6) - (hull - union) / hull


def detection_loss(logits: Tensor, targets: Targets, giou_weight: float = 0.0) -> LossParts:
    """Compute the loss of a batch from logits [B, 5 + classes, G, G]; each part a mean per object.

    With `giou_weight` 0 this is the cross-entropy loss alone.
    """
    objects = targets.objectness.sum().clamp(min=1)
    cells = targets.has_box.sum().clamp(min=1)
    # logits are float32 here: half-precision sums over hundreds of cells would lose the small ones
    raw = logits.float()
    objectness = functional.binary_cross_entropy_with_logits(
        raw[:, OBJECTNESS], targets.objectness, reduction="none"
    )
    objectness = objectness[targets.objectness_counts].sum() / objects
    where = targets.has_box
    found = raw.permute(0, 2, 3, 1)[where]
    box = (
        functional.binary_cross_entropy_with_logits(
            found[:, :4], targets.box_unit.permute(0, 2, 3, 1)[where], reduction="sum"
        )
        / cells
    )
    classes = (
        functional.cross_entropy(found[:, FIRST_CLASS:], targets.class_ids[where], reduction="sum")
        / cells
    )
    apart = torch.zeros((), device=raw.device)
    if giou_weight:
        grid = raw.shape[-1]
        corners = cell_corners(grid, raw.device).expand(len(raw), -1, -1, -1)
        boxes = decode_boxes(found[:, :4], corners.permute(0, 2, 3, 1)[where], grid * STRIDE)
        apart = (1 - giou(boxes, targets.boxes.permute(0, 2, 3, 1)[where])).sum() / cells
    total = objectness + box + giou_weight * apart + classes
    return LossParts(total, objectness, box, apart, classes)
