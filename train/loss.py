"""The loss: binary cross entropy on the five, cross entropy on the classes, where an object is.

A cell answers with five sigmoids (centre x, centre y, width, height, is there an object) and a
softmax over the classes. Objectness is learnt in every cell; box and class only in cells that speak
for an object. Two things can be added: a GIoU term on the boxes (Rezatofighi et al., 2019:
https://arxiv.org/abs/1902.09630), and an objectness that says how good the cell's box is instead of
1: half for the object and half for the IoU with its true box (VarifocalNet has the IoU alone:
https://arxiv.org/abs/2008.13367; but then an object that is surely there, with sides that are hard
to tell, scores as a doubtful one). Where a second look moves the boxes, theirs is the IoU that
objectness learns, and they have a term of their own, whose parts are raised to the third power:
what counts there are the last few pixels (alpha-IoU, He et al., 2021:
https://arxiv.org/abs/2110.13675). And where all that counts is whether an object is there, the
surest cells can learn objectness once more, as it is those that decide it: that of each object, and
the surest of a picture that speaks for none (hard examples, as https://arxiv.org/abs/1604.03540 has
them). Where there are many objects, boxes would become less exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from train.network import (
    CENTRE_REACH,
    FIRST_CLASS,
    LONGEST_SIDE,
    OBJECTNESS,
    decode_boxes,
)
from train.targets import Targets
from train.team import ALONE, Team


@dataclass(frozen=True)
class LossWeights:
    """What counts how much; `CROSS_ENTROPIES` are those of the two cross entropies alone.

    The cross entropy of the classes counts as it is.
    giou: of the terms of the boxes as the cells say them, and as the second look has moved them;
    surest: of the surest cells' objectness, per picture; 0: they count as all cells do.
    evenly: whether the single head's boxes are learnt as `train.single_loss` says, not by their
    cross entropy's own gradient.
    """

    box: float = 1.0
    giou: float = 4.0
    iou_objectness: bool = True
    surest: float = 0.0
    evenly: bool = True


REFINED_POWER = 3
REFINED_WEIGHT = 2.5  # of the moved boxes' term, of the weight of the GIoU term
SURELY_THERE = 0.5  # the objectness of an object whose box is all wrong
DEFAULT_WEIGHTS = LossWeights()
# the second look learns nothing from them: its term is one of GIoU; a new one moves no box
CROSS_ENTROPIES = LossWeights(giou=0.0, iou_objectness=False, evenly=False)


@dataclass(frozen=True, eq=False)
class LossParts:
    """The parts of the loss, means over the cells that speak; `total` is what is minimised.

    objectness: with the surest cells' loss, a mean over the pictures, times its weight.
    giou: of the boxes as the cells say them; refined: of those that the second look has moved, as
    `alpha_iou_loss` has it, 0 without one.
    """

    total: Tensor
    objectness: Tensor
    box: Tensor
    giou: Tensor
    refined: Tensor
    classes: Tensor


def iou_and_giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU (0 to 1) and generalised IoU (-1 to 1) of boxes [N, 4] x1 y1 x2 y2, pair by pair.

    A box whose sides a second look has pushed past each other is empty: two negative sides must not
    make an area.
    """
    inner = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    outer = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    both = inner.prod(dim=1)
    areas = [(box[:, 2:] - box[:, :2]).clamp(min=0).prod(dim=1) for box in (a, b)]
    union = areas[0] + areas[1] - both
    hull = outer.prod(dim=1).clamp(min=1e-6)
    iou = both / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull


def alpha_iou_loss(iou: Tensor, giou: Tensor) -> Tensor:
    """Return 1 − IoU³ + P³, P being the empty part of the hull, IoU − GIoU."""
    # where boxes do not meet, the power has a slope of 0; the term of the first look has not
    return 1 - iou**REFINED_POWER + (iou - giou) ** REFINED_POWER


def objectness_loss(
    logits: Tensor, iou: Tensor, targets: Targets, weights: LossWeights, count: Tensor
) -> Tensor:
    """Return the loss of the objectness of all cells, a speaking cell.

    logits: [B, N]; iou: of the boxes of those that speak, in their order; count: of them.
    """
    speaks = targets.owner >= 0
    wanted = speaks.float()
    if weights.iou_objectness:
        wanted = wanted.masked_scatter(speaks, SURELY_THERE + (1 - SURELY_THERE) * iou)
    by_cell = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    loss = by_cell[targets.counts].sum() / count
    if not weights.surest:
        return loss
    return loss + weights.surest * surest_loss(by_cell, logits.detach(), targets)


def surest_loss(by_cell: Tensor, logits: Tensor, targets: Targets) -> Tensor:
    """Return the objectness loss of the surest cells, a picture.

    Those are each object's, and of each picture the surest of the cells that speak for none.
    by_cell, logits: the objectness loss and logits of all cells, [B, N].
    """
    speaks = targets.owner >= 0
    owner = targets.owner[speaks]
    own = logits[speaks]
    best = own.new_full((len(targets.boxes),), -torch.inf).scatter_reduce(0, owner, own, "amax")
    silent = logits.masked_fill(speaks | ~targets.counts, -torch.inf).argmax(dim=1, keepdim=True)
    said = by_cell[speaks][own == best[owner]].sum() + by_cell.gather(1, silent).sum()
    return said / len(by_cell)


def box_units(boxes: Tensor, cells: Tensor) -> Tensor:
    """Return what the four box sigmoids of `cells` [N, 3] should say of `boxes` [N, 4], 0 to 1."""
    stride = cells[:, 2:]
    centres = (boxes[:, :2] + boxes[:, 2:]) / (2 * stride)
    units = (centres - cells[:, :2] - 0.5) / CENTRE_REACH + 0.5
    sides = ((boxes[:, 2:] - boxes[:, :2]) / (stride * LONGEST_SIDE)).clamp(min=0).sqrt()
    return torch.cat([units, sides], dim=1).clamp(0, 1)


def detection_loss(
    logits: Tensor,
    cells: Tensor,
    targets: Targets,
    weights: LossWeights = DEFAULT_WEIGHTS,
    team: Team = ALONE,
    *,
    look_again: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> LossParts:
    """Compute the loss of a batch from the logits [B, N, 5 + classes] of cells [N, 3].

    logits, cells: as of train.network's rows_of and cells_of.
    team: the processes that share the batch; its mean counts the cells of all of them.
    look_again: moves boxes [M, 4] of pictures [M], numbers in the batch; None: no second look.
    """
    # logits are float32 here: half-precision sums over thousands of cells would lose the small ones
    raw = logits.float()
    speaks = targets.owner >= 0
    count = team.mean(speaks.sum()).clamp(min=1)
    owner = targets.owner[speaks]
    found = raw[speaks]
    pictures, places = speaks.nonzero().T
    speaking = cells[places]
    true = targets.boxes[owner]
    boxes = decode_boxes(found[:, :4], speaking)
    iou, giou = iou_and_giou(boxes, true)
    apart = (1 - giou).sum() / count
    refined = torch.zeros_like(apart)
    if look_again is not None:
        iou, giou = iou_and_giou(look_again(boxes.detach(), pictures), true)
        refined = alpha_iou_loss(iou, giou).sum() / count
    objectness = objectness_loss(raw[..., OBJECTNESS], iou.detach(), targets, weights, count)
    box = (
        functional.binary_cross_entropy_with_logits(
            found[:, :4], box_units(true, speaking), reduction="sum"
        )
        / count
    )
    classes = (
        functional.cross_entropy(found[:, FIRST_CLASS:], targets.class_ids[owner], reduction="sum")
        / count
    )
    total = objectness + weights.box * box + weights.giou * apart + classes
    total = total + REFINED_WEIGHT * weights.giou * refined
    return LossParts(total, objectness, box, apart, refined, classes)
