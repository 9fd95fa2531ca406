"""Fill frames up to the least size that an engine takes."""

import numpy as np
from numpy.typing import NDArray

BAR_GREY = 114  # the usual grey of letterbox bars; the trainer's pictures have the same


def at_least(frames: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Fill frames [B, H, W, 3] up with grey, at the right and the bottom, to a least side."""
    height, width = frames.shape[1:3]
    room = ((0, 0), (0, max(0, side - height)), (0, max(0, side - width)), (0, 0))
    if not any(more for _, more in room):
        return frames
    return np.pad(frames, room, constant_values=BAR_GREY)
