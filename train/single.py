"""The single-object localizer: eight numbers for a whole picture, and their loss.

Five sigmoids (centre x, centre y, width, height, is there an object) and a softmax over classes:
the dense head's answer, once for the picture. The loss is nothing but cross entropies.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.padding import BAR_GREY
from train.generator import Sample
from train.loss import LossParts, LossWeights
from train.network import (
    FIRST_CLASS,
    LARGEST_STRIDE,
    OBJECTNESS,
    NetworkShape,
    arithmetic,
    conv,
    stage,
)
from train.targets import Targets
from train.team import ALONE, Team

HIDDEN = 256
NO_OBJECT = -1
CROSS_ENTROPIES = LossWeights(giou=0.0, iou_objectness=False)


class SingleNetwork(nn.Module):
    """uint8 pictures to the logits of one answer a picture.

    The features at stride 32 are laid end to end, not averaged: where something is must not be
    lost before the last layers.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        w4, w8, w16, w32 = shape.widths
        d8, d16, d32 = shape.depths
        cells = (shape.size // LARGEST_STRIDE) ** 2
        self.features = nn.Sequential(
            conv(3, w4, stride=4, kernel=6),
            stage(w4, w8, d8),
            stage(w8, w16, d16),
            stage(w16, w32, d32),
        )
        self.numbers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(w32 * cells, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, FIRST_CLASS + shape.classes),
        )

    @property
    def answering(self) -> nn.Module:
        """The layer whose outputs are the logits."""
        return self.numbers[-1]

    @property
    def exact(self) -> nn.Module:
        """The part that says where in pixels something is: it must not lose digits."""
        return self.numbers

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames, uint8 [B, H, W, 3] BGR, to logits, float32 [B, 5 + classes].

        Numbers: centre x, centre y, width, height, objectness, then one per class. No side of the
        frames is longer than the network's size.
        """
        x = squared(frames, self.shape.size).to(arithmetic(self.features)).permute(0, 3, 1, 2)
        x = self.features(x / 255)
        # in bfloat16 a box side would be rounded to a hundredth of itself
        with torch.autocast(x.device.type, enabled=False):
            numbers: Tensor = self.numbers(x.float())
        return numbers


def squared(frames: Tensor, size: int) -> Tensor:
    """Fill frames up, uint8 [B, H, W, 3], at the right and the bottom to [B, size, size, 3]."""
    height, width = frames.shape[1:3]
    return functional.pad(frames, (0, 0, 0, size - width, 0, size - height), value=BAR_GREY)


class SingleLocalization(nn.Module):
    """A single-object network with its answer decoded: one detection a picture."""

    def __init__(self, network: SingleNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map frames, uint8 [B, H, W, 3] BGR, to boxes, scores and class ids.

        Returns boxes float32 [B, 1, 4] x1 y1 x2 y2 in pixels, scores float32 [B, 1] and class_ids
        int64 [B, 1].
        """
        logits = self.network(frames)
        best, class_ids = logits[:, FIRST_CLASS:].softmax(dim=1).max(dim=1, keepdim=True)
        scores = logits[:, OBJECTNESS : OBJECTNESS + 1].sigmoid() * best
        boxes = decode_parts(logits[:, :4].sigmoid(), self.network.shape.size)
        return boxes[:, None], scores, class_ids


def box_parts(boxes: Tensor, size: int) -> Tensor:
    """Turn boxes [N, 4], x1 y1 x2 y2 in pixels, into centre and sides as parts of `size`."""
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return (torch.cat([centres, sides], dim=1) / size).clamp(0, 1)


def decode_parts(parts: Tensor, size: int) -> Tensor:
    """Turn centre and sides as parts of `size`, [N, 4], into x1 y1 x2 y2 in pixels."""
    centres, halves = parts[:, :2], parts[:, 2:] / 2
    return torch.cat([centres - halves, centres + halves], dim=1) * size


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


def single_loss(
    logits: Tensor,
    targets: Targets,
    size: int,
    weights: LossWeights = CROSS_ENTROPIES,
    team: Team = ALONE,
) -> LossParts:
    """Compute the loss of a batch from logits [B, 5 + classes]: means over the pictures.

    Binary cross entropy on the five and cross entropy on the classes; those of box and class are 0
    in a picture without an object. Of the weights only `box` and `classes` have a say. Each process
    of a team has as many pictures, so the mean of their means is that of all.
    """
    raw = logits.float()
    owner = targets.owner.flatten()
    present = owner >= 0
    owner, found = owner[present], raw[present]
    objectness = functional.binary_cross_entropy_with_logits(raw[:, OBJECTNESS], present.float())
    box = functional.binary_cross_entropy_with_logits(
        found[:, :4], box_parts(targets.boxes[owner], size), reduction="sum"
    ) / len(raw)
    classes = functional.cross_entropy(
        found[:, FIRST_CLASS:], targets.class_ids[owner], reduction="sum"
    ) / len(raw)
    total = objectness + weights.box * box + weights.classes * classes
    nothing = torch.zeros_like(box)
    return LossParts(total, objectness, box, nothing, nothing, classes)
