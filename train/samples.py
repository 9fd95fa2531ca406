"""What a training picture is, and what makes one."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Sample:
    """A training picture.

    image: uint8 [H, W, 3], BGR.
    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels.
    class_ids: int64 [N].
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]


class Maker(Protocol):
    """Makes the pictures that a run trains on."""

    def aspect(self, group: int) -> tuple[int, int]:
        """Return width to height of the pictures of a group; those of a batch must be alike."""

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own."""

    def at_size(self, size: int) -> "Maker":
        """Return a maker of such pictures with a longer side of `size` pixels."""

    def without_objects(self) -> "Maker | None":
        """Return a maker of such pictures without objects; None: it may make none."""
