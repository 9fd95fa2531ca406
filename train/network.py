"""The network: plain convolutions to grids of cells, five + classes numbers a cell."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from train import refine

OBJECTNESS = 4  # the channel after centre x, centre y, width and height
FIRST_CLASS = 5
STRIDES = (8, 16, 32)  # pixels a cell, of each grid: the finest is for small objects
LARGEST_STRIDE = 32  # the sides of an input are multiples of this
CENTRE_REACH = 6.0  # cells between the smallest and the largest centre that a cell can say
LONGEST_SIDE = 24.0  # cells: the widest and highest box that a cell can say
FURTHEST_REACH = 3  # cells, of a convolution at the coarsest grid
PRIOR_OBJECTNESS = -4.6  # logit of about 0.01: nearly all cells are empty

# 3×3 convolutions after the first one at strides 8, 16 and 32
Depths = tuple[int, int, int]
DEPTHS: Depths = (3, 2, 5)

# the logits of each grid, [B, 5 + classes, rows, columns], finest first
Levels = tuple[Tensor, Tensor, Tensor]


class Answers(NamedTuple):
    """What the network says: of each cell, and the features for the second look at its boxes.

    features: [B, CHANNELS of train.refine, H/8, W/8].
    """

    levels: Levels
    features: Tensor


@dataclass(frozen=True)
class NetworkShape:
    """Everything that decides the network's form.

    size: the longer side of the input in pixels, a multiple of 32.
    widths: channels at strides 4, 8, 16 and 32; depths: convolutions at the last three.
    """

    classes: int
    size: int = 320
    widths: tuple[int, int, int, int] = (32, 48, 64, 128)
    depths: Depths = DEPTHS


def conv(
    inputs: int,
    outputs: int,
    stride: int = 1,
    *,
    kernel: int = 3,
    padding: int = 1,
    dilation: int = 1,
) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def stage(inputs: int, outputs: int, depth: int) -> nn.Module:
    """Halve the resolution, then `depth` more convolutions."""
    return nn.Sequential(
        conv(inputs, outputs, stride=2), *(conv(outputs, outputs) for _ in range(depth))
    )


def wide_stage(inputs: int, outputs: int, depth: int) -> nn.Module:
    """Halve the resolution, then `depth` more convolutions that reach 1, 2, 3, 1, … cells far.

    So the largest objects are seen whole at no further cost (https://arxiv.org/abs/1702.08502).
    """
    reaches = (1 + n % FURTHEST_REACH for n in range(depth))
    reaching = (conv(outputs, outputs, padding=n, dilation=n) for n in reaches)
    return nn.Sequential(conv(inputs, outputs, stride=2), *reaching)


def lateral(inputs: int, outputs: int) -> nn.Module:
    """Bring coarse features to the width of the next finer ones."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


class Pyramid(nn.Module):
    """The layers that both heads share: what they see is logits on grids of strides 8, 16 and 32.

    A 6×6 convolution of stride 4 stands at the start: on a CPU the first layers at full resolution
    would cost more than all others. What coarse grids see is added back at the next finer one
    (feature pyramid: https://arxiv.org/abs/1612.03144). A second look at the boxes, train.refine,
    moves their sides.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        w4, w8, w16, w32 = shape.widths
        d8, d16, d32 = shape.depths
        self.stem = conv(3, w4, stride=4, kernel=6)
        self.stage8 = stage(w4, w8, d8)
        self.stage16 = stage(w8, w16, d16)
        self.stage32 = wide_stage(w16, w32, d32)
        self.lateral32 = lateral(w32, w16)
        self.fuse16 = conv(w16, w16)
        self.lateral16 = lateral(w16, w8)
        self.fuse8 = conv(w8, w8)
        self.look = conv(w8, refine.CHANNELS, kernel=1, padding=0)
        self.refinement = refine.Refinement()
        numbers = FIRST_CLASS + shape.classes
        self.cells = nn.ModuleList(nn.Conv2d(width, numbers, 1) for width in (w8, w16, w32))
        for cells in self.cells:
            with torch.no_grad():
                cells.bias[OBJECTNESS] = PRIOR_OBJECTNESS  # type: ignore[operator]

    @property
    def answering(self) -> nn.Module:
        """The layers whose outputs are the answers."""
        return nn.ModuleList([self.cells, self.refinement])

    @property
    def exact(self) -> nn.Module:
        """The part that says where in pixels something is: it must not lose digits."""
        return self.refinement

    def see(self, frames: Tensor) -> Answers:
        """Map frames, uint8 [B, H, W, 3] BGR, to logits, float [B, 5 + classes, H/s, W/s] each.

        Channels: centre x, centre y, width, height, objectness, then one per class. With them come
        the features that `refinement` looks at.
        """
        # 0..255, exact in half precision as well: batch norm brings them to scale
        x = frames.to(arithmetic(self.stem)).permute(0, 3, 1, 2)
        x8 = self.stage8(self.stem(x))
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        x16 = self.fuse16(functional.relu(x16 + doubled(self.lateral32(x32))))
        x8 = self.fuse8(functional.relu(x8 + doubled(self.lateral16(x16))))
        fine, middle, coarse = (
            cells(x) for cells, x in zip(self.cells, (x8, x16, x32), strict=True)
        )
        return Answers((fine, middle, coarse), self.look(x8))


class GridNetwork(Pyramid):
    """The dense head: what is seen in each cell is its answer, for any number of objects."""

    def forward(self, frames: Tensor) -> Answers:
        """Map frames, uint8 [B, H, W, 3] BGR, to the answers of all cells."""
        return self.see(frames)


def arithmetic(layers: nn.Module) -> torch.dtype:
    """Return the type that convolutions compute in, so that nothing is converted twice."""
    weight = next(layers.parameters())
    if torch.is_autocast_enabled(weight.device.type):
        return torch.get_autocast_dtype(weight.device.type)
    return weight.dtype


def doubled(x: Tensor) -> Tensor:
    """Double the resolution by repeating each value."""
    return functional.interpolate(x, scale_factor=2.0)


def rows_of(levels: Levels) -> Tensor:
    """Lay the cells of all grids in one row, finest first: [B, N, 5 + classes]."""
    return side_by_side(levels).transpose(1, 2)


def side_by_side(levels: Levels) -> Tensor:
    """Lay the cells of all grids side by side, in the order of `rows_of`: [B, 5 + classes, N]."""
    return torch.cat([level.flatten(2) for level in levels], dim=2)


def cells_of(levels: Levels) -> Tensor:
    """Return where the cells in `rows_of` lie: column, row and stride in pixels, float [N, 3]."""
    laid = []
    for level, stride in zip(levels, STRIDES, strict=True):
        rows = torch.arange(level.shape[2], device=level.device)
        columns = torch.arange(level.shape[3], device=level.device)
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        laid.append(torch.stack([x, y, torch.full_like(x, stride)], dim=2).flatten(0, 1))
    return torch.cat(laid).float()


def decode_boxes(box_logits: Tensor, cells: Tensor, reach: float = CENTRE_REACH) -> Tensor:
    """Turn box logits [..., 4] of cells (column, row, stride) [..., 3] into x1 y1 x2 y2 in pixels.

    The centre may lie up to half of `reach` cells from the middle of its cell; width and height are
    the square of a sigmoid times 24 cells: small objects get finer steps.
    """
    unit = box_logits.sigmoid()
    stride = cells[..., 2:]
    centre = (cells[..., :2] + 0.5 + (unit[..., :2] - 0.5) * reach) * stride
    half = unit[..., 2:] ** 2 * (stride * (LONGEST_SIDE / 2))
    return torch.cat([centre - half, centre + half], dim=-1)
