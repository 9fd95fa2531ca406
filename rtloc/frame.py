"""One picture of a source, with its place in the source's own time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded picture.

    image: uint8 [H, W, 3], BGR.
    index: its number in the source, from 0, counting every frame the source delivered.
    time_s: its timestamp on the source's own clock, in seconds from the source's first frame.
    """

    image: NDArray[np.uint8]
    index: int
    time_s: float
