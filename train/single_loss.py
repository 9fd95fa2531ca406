"""The loss of the single-object localizer: cross entropies, and how its boxes are learnt.

Nobody tells the cells which of them should speak: that is learnt from the loss of what they say,
and from how far off their boxes are. The loss is binary cross entropy on the five numbers and cross
entropy on the classes; its gradient is not theirs alone: that of the boxes is scaled, number by
number (`learnt_evenly`), and `judgement` adds one on who should speak. With `CROSS_ENTROPIES` it is
theirs and nothing else.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from train.loss import DEFAULT_WEIGHTS, LossParts, LossWeights, iou_and_giou
from train.network import FIRST_CLASS, OBJECTNESS
from train.samples import Sample
from train.single import OneAnswer, box_parts
from train.targets import NO_OBJECT, Targets
from train.team import ALONE, Team

LEAST_MET_IOU = 0.1
SMALLEST = 0.03  # of the picture: shorter sides are learnt no faster
FAR_OFF = 0.1  # of an object's sides: a number that is further off pulls no harder
PULL = 256.0  # of a box that is learnt evenly, of that of the plain cross entropy
JUDGED = 2.0  # how much it says against a cell that a number of its box is a whole side off


def single_targets(samples: Sequence[Sample]) -> Targets:
    """Say what each picture's answer should be: targets of a grid of one cell.

    Raises:
        ValueError: a picture has more than one object.
    """
    counts = np.array([len(sample.boxes) for sample in samples])
    if counts.max() > 1:
        raise ValueError("a single-object network cannot learn pictures with several objects")
    owner = np.where(counts == 1, np.cumsum(counts) - 1, NO_OBJECT).astype(np.int64)
    return Targets(
        torch.from_numpy(owner.reshape(-1, 1, 1)),
        torch.from_numpy(np.concatenate([s.boxes for s in samples]).reshape(-1, 4)),
        torch.from_numpy(np.concatenate([s.class_ids for s in samples])),
        torch.ones(len(samples), 1, 1, dtype=torch.bool),
    )


def one_answer_loss(
    answers: OneAnswer,
    targets: Targets,
    size: int,
    weights: LossWeights = DEFAULT_WEIGHTS,
    team: Team = ALONE,
) -> LossParts:
    """Compute the loss of the answers, and add that which is to be expected of a cell's.

    An answer's is the mean of those after each of its looks.

    The expectation is over which cell speaks, the surer the likelier, as of experts that share the
    work (Jacobs et al., 1991: https://doi.org/10.1162/neco.1991.3.1.79): cells learn to be sure
    where they would be right. A box that does not meet the object's teaches the second look
    nothing: there is no side to be seen near it. What is learnt of small boxes is as
    `learnt_evenly` and `judgement` say; the loss is the same without them.

    Where the weights' `evenly` is False every box counts, and all gradients are those of the cross
    entropies and of their expectation.
    team: the processes that share the batch, each having as many pictures.
    """
    each = torch.full_like(answers.looks[..., 0], 1 / answers.looks.shape[1])
    share = answers.cells[..., OBJECTNESS].softmax(dim=1)
    if not weights.evenly:
        given = expected_loss(answers.looks, each, targets, size, weights)
        return added(given, expected_loss(answers.cells, share, targets, size, weights))
    owner = targets.owner.flatten()
    present = owner >= 0
    meets = torch.ones_like(answers.first_look[:, :1])
    iou, _ = iou_and_giou(answers.first_look[present], targets.boxes[owner[present]])
    meets[present, 0] = (iou > LEAST_MET_IOU).float()
    off = box_misses(answers.looks, targets, size)
    looks = learnt_evenly(answers.looks, each * meets, off, team)
    given = expected_loss(looks, each, targets, size, weights, boxes_count=meets)
    off = box_misses(answers.cells, targets, size)
    cells = learnt_evenly(answers.cells, share.detach(), off, team)
    both = added(given, expected_loss(cells, share, targets, size, weights))
    return replace(both, total=both.total + judgement(share, off))


def added(a: LossParts, b: LossParts) -> LossParts:
    """Add the parts of two losses, each to its own."""
    names = [field.name for field in fields(LossParts)]
    return LossParts(**{name: getattr(a, name) + getattr(b, name) for name in names})


class Misses(NamedTuple):
    """How far off the boxes of N answers a picture are, without a gradient.

    present: bool [B], which pictures have an object; of those P, as parts of the picture:
    true: what the four numbers of a box should say, kept from 0 and 1, [P, 1, 4];
    sides: those that each number is compared with, [P, 1, 4]; miss: [P, N, 4].
    """

    present: Tensor
    true: Tensor
    sides: Tensor
    miss: Tensor


def box_misses(logits: Tensor, targets: Targets, size: int) -> Misses:
    """Return how far off the boxes of logits [B, N, 5 + classes] are."""
    owner = targets.owner.flatten()
    present = owner >= 0
    true = box_parts(targets.boxes[owner[present]], size)[:, None].clamp(SMALLEST, 1 - SMALLEST)
    miss = (logits[present, :, :4].detach().sigmoid() - true).abs()
    return Misses(present, true, true[..., 2:].repeat(1, 1, 2), miss)


def learnt_evenly(logits: Tensor, share: Tensor, off: Misses, team: Team = ALONE) -> Tensor:
    """Return logits [B, N, 5 + classes] as they are, but with another gradient of their boxes.

    The cross entropy of parts of the picture hardly tells how far off a small object's box is, as
    the miss is a small part too. Divided by the curvature of the loss, as in Newton's method, each
    number is pulled by its miss in sides of the object, whatever the object's size; and by no more
    than a miss that is far off, as the Huber loss does.

    share: float [B, N], how much each answer counts; in all, those of the whole team, boxes pull
    `PULL` times as hard as they would. off: how far off these logits are.
    """
    curvature = off.sides**2 / (off.true * (1 - off.true))
    pull = (off.miss / off.sides).clamp(min=FAR_OFF).reciprocal() / curvature
    counting = share[off.present][..., None] * off.miss
    as_it_was, now = team.mean(counting.sum()), team.mean((counting * pull).sum())
    pull *= PULL * as_it_was / now.clamp(min=torch.finfo(pull.dtype).tiny)
    gradient = torch.ones_like(logits)
    gradient[off.present, :, :4] = pull
    return logits.detach() + (logits - logits.detach()) * gradient


def judgement(share: Tensor, off: Misses) -> Tensor:
    """Return 0, whose gradient lets those cells be surer whose boxes come nearer to the object's.

    The cross entropies of two cells say so too, but too softly: they differ by a few hundredths
    where the one is right and the other off by a whole small object. Here each number of a box
    counts by its miss in sides of the object, as one side at most.

    share: float [B, N], of each picture 1 in all; off: how far off the boxes of those cells are.
    """
    against = JUDGED * (off.miss / off.sides).clamp(max=1).sum(dim=2)
    part = share[off.present]
    return ((part - part.detach()) * against).sum() / len(share)


def expected_loss(
    logits: Tensor,
    share: Tensor,
    targets: Targets,
    size: int,
    weights: LossWeights = DEFAULT_WEIGHTS,
    *,
    boxes_count: Tensor | float = 1.0,
) -> LossParts:
    """Compute the loss of several answers a picture, [B, N, 5 + classes], each with its share.

    Binary cross entropy on the five and cross entropy on the classes, means over the pictures;
    those of box and class are 0 in a picture without an object. Of the weights only `box` has a
    say.
    share: float [B, N], of each picture 1 in all. boxes_count: float [B, 1], how much the box of
    each picture does.
    """
    raw = logits.float()
    owner = targets.owner.flatten()
    present = owner >= 0
    owner, found, part = owner[present], raw[present], share[present]
    pictures, answers = raw.shape[:2]
    bce = functional.binary_cross_entropy_with_logits
    there = present.float()[:, None].expand(-1, answers)
    objectness = (share * bce(raw[..., OBJECTNESS], there, reduction="none")).sum() / pictures
    true = box_parts(targets.boxes[owner], size)[:, None].expand(-1, answers, -1)
    boxes_part = (share * boxes_count)[present]
    box = (boxes_part * bce(found[..., :4], true, reduction="none").sum(dim=2)).sum() / pictures
    true_ids = targets.class_ids[owner][:, None].expand(-1, answers)
    scores = found[..., FIRST_CLASS:].movedim(2, 1)
    classes = (part * functional.cross_entropy(scores, true_ids, reduction="none")).sum() / pictures
    total = objectness + weights.box * box + classes
    nothing = torch.zeros_like(box)
    return LossParts(total, objectness, box, nothing, nothing, classes)
