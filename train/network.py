"""The grid network: plain convolutions to a grid of cells, five + classes numbers a cell."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

BOX_CHANNELS = 4  # centre x, centre y, width, height
OBJECTNESS = 4  # the channel after them
FIRST_CLASS = 5
STRIDE = 16
PRIOR_OBJECTNESS = -4.6  # logit of about 0.01: nearly all cells are empty


@dataclass(frozen=True)
class NetworkShape:
    """Everything that decides the network's form.

    size: S, the side of the input in pixels, a multiple of 32.
    widths: channels at strides 4, 8, 16 and 32.
    depths: 3×3 convolutions after the first one at strides 8, 16 and 32.
    """

    classes: int
    size: int = 320
    widths: tuple[int, int, int, int] = (24, 48, 64, 96)
    depths: tuple[int, int, int] = (0, 2, 2)

    @property
    def grid(self) -> int:
        """Cells along a side."""
        return self.size // STRIDE


def conv(
    inputs: int, outputs: int, stride: int = 1, kernel: int = 3, padding: int = 1
) -> nn.Module:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def stage(inputs: int, outputs: int, depth: int) -> nn.Module:
    """Halve the resolution, then `depth` more convolutions."""
    return nn.Sequential(
        conv(inputs, outputs, stride=2), *(conv(outputs, outputs) for _ in range(depth))
    )


class GridNetwork(nn.Module):
    """uint8 pictures to logits on a grid.

    A 6×6 convolution of stride 4 stands at the start: on a CPU the first layers at full resolution
    would cost more than all others. Stride 32 is there to see large objects whole; its result is
    added back at stride 16, where the cells are.
    """

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        self.shape = shape
        w4, w8, w16, w32 = shape.widths
        d8, d16, d32 = shape.depths
        self.stem = conv(3, w4, stride=4, kernel=6)
        self.stage8 = stage(w4, w8, d8)
        self.stage16 = stage(w8, w16, d16)
        self.stage32 = stage(w16, w32, d32)
        self.lateral = nn.Sequential(nn.Conv2d(w32, w16, 1, bias=False), nn.BatchNorm2d(w16))
        self.head = conv(w16, w16)
        self.cells = nn.Conv2d(w16, FIRST_CLASS + shape.classes, 1)
        with torch.no_grad():
            self.cells.bias[OBJECTNESS] = PRIOR_OBJECTNESS  # type: ignore[index]

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames, uint8 [B, S, S, 3] BGR, to logits, float [B, 5 + classes, G, G].

        Channels: centre x, centre y, width, height, objectness, then one per class.
        """
        x = frames.float().permute(0, 3, 1, 2) * (1 / 255)
        x = self.stage16(self.stage8(self.stem(x)))
        wide = self.lateral(self.stage32(x))
        x = functional.relu(x + functional.interpolate(wide, scale_factor=2.0))
        cells: Tensor = self.cells(self.head(x))
        return cells


def cell_corners(grid: int, device: torch.device | None = None) -> Tensor:
    """Return the (column, row) of each cell, float32 [2, G, G]."""
    along = torch.arange(grid, dtype=torch.float32, device=device)
    rows, columns = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([columns, rows])


def decode_boxes(box_logits: Tensor, corners: Tensor, size: int) -> Tensor:
    """Turn box logits [B, 4, ...] at cells `corners` [2 or B×2, ...] into x1 y1 x2 y2 in pixels.

    The centre may lie up to half a cell outside its cell (so 2·sigmoid − 0.5 cells from the cell's
    corner, as in YOLOv5), and width and height are the square of a sigmoid times the picture's
    side, which gives small objects finer steps.
    """
    unit = box_logits.sigmoid()
    centre = (corners + 2 * unit[:, 0:2] - 0.5) * STRIDE
    half = unit[:, 2:4] ** 2 * (size / 2)
    return torch.cat([centre - half, centre + half], dim=1)
