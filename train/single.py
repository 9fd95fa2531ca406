"""The single-object localizer: eight numbers for a whole picture.

Five sigmoids (centre x, centre y, width, height, is there an object) and a softmax over classes:
the dense head's answer, once for the picture.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from train.network import FIRST_CLASS, OBJECTNESS, Pyramid, cells_of, decode_boxes, rows_of

LEAST_PART = 1e-4  # of the picture: a sigmoid says nothing smaller, and its logit stays finite
LOOKS = 2  # at the box of the cell that answers: a small box may be half of itself off at first
REACH = 2.0  # cells between the centres that a cell can say: it must speak for what lies on it


class OneAnswer(NamedTuple):
    """What the network says of a picture, and what each of its cells would.

    Both are logits, float32: centre x, centre y, width, height, objectness, then one per class.

    looks: [B, LOOKS, 5 + classes], the answer after each look at its box; cells:
    [B, N, 5 + classes].
    first_look: [B, 4], the box of the cell that answers, x1 y1 x2 y2 in pixels, not moved yet.
    """

    looks: Tensor
    cells: Tensor
    first_look: Tensor

    @property
    def answer(self) -> Tensor:
        """[B, 5 + classes], after the last look."""
        return self.looks[:, -1]


class SingleNetwork(Pyramid):
    """uint8 pictures to the logits of one answer a picture.

    It is the answer of the cell that is surest to see the object, in parts of the picture; the
    second look, train.refine, moves the sides of its box, and then those of the moved box.
    """

    def forward(self, frames: Tensor) -> OneAnswer:
        """Map frames, uint8 [B, H, W, 3] BGR, to the answer.

        No side of the frames is longer than the network's size, of which a box's numbers are parts.
        """
        levels, features = self.see(frames)
        # in bfloat16 a box side would be rounded to a hundredth of itself
        with torch.autocast(frames.device.type, enabled=False):
            rows = rows_of(levels).float()
            boxes = decode_boxes(rows[..., :4], cells_of(levels), REACH)
            others = rows[..., OBJECTNESS:]
            surest = others[..., :1].argmax(dim=1, keepdim=True)
            box = boxes.detach().gather(1, surest.expand(-1, -1, 4))
            looked_at = [box]
            for _ in range(LOOKS):
                looked_at.append(self.refinement(features, looked_at[-1].detach()))
            spoken = others.gather(1, surest.expand(-1, LOOKS, others.shape[2]))
            sides = box_logits(torch.cat(looked_at[1:], dim=1), self.shape.size)
            cells = torch.cat([box_logits(boxes, self.shape.size), others], dim=2)
            return OneAnswer(torch.cat([sides, spoken], dim=2), cells, box[:, 0])


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
        logits = self.network(frames).answer
        best, class_ids = logits[:, FIRST_CLASS:].softmax(dim=1).max(dim=1, keepdim=True)
        scores = logits[:, OBJECTNESS : OBJECTNESS + 1].sigmoid() * best
        boxes = decode_parts(logits[:, :4].sigmoid(), self.network.shape.size)
        return boxes[:, None], scores, class_ids


def box_parts(boxes: Tensor, size: int) -> Tensor:
    """Turn boxes [..., 4], x1 y1 x2 y2 in pixels, into centre and sides as parts of `size`."""
    centres = (boxes[..., :2] + boxes[..., 2:]) / 2
    sides = boxes[..., 2:] - boxes[..., :2]
    return (torch.cat([centres, sides], dim=-1) / size).clamp(0, 1)


def box_logits(boxes: Tensor, size: int) -> Tensor:
    """Return the logits of what the four box sigmoids should say of `boxes` [..., 4]."""
    parts = box_parts(boxes, size).clamp(LEAST_PART, 1 - LEAST_PART)
    return (parts / (1 - parts)).log()  # torch.logit has no operator in ONNX


def decode_parts(parts: Tensor, size: int) -> Tensor:
    """Turn centre and sides as parts of `size`, [N, 4], into x1 y1 x2 y2 in pixels."""
    centres, halves = parts[:, :2], parts[:, 2:] / 2
    return torch.cat([centres - halves, centres + halves], dim=1) * size
