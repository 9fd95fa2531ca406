"""Take the pixels of a picture that PyAV has decoded, turned upright as its rotation says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from rtloc.frame import bgr_of

UNKNOWN_ASPECT = Fraction(0)  # as FFmpeg has it


def pixels_of(picture: Any) -> NDArray[np.uint8]:
    """Turn a decoded picture into the pixels of a Frame, upright as its rotation says."""
    if picture.width % 2 or picture.height % 2:
        return upright(picture.to_ndarray(format="bgr24"), picture.rotation)
    if picture.format.name != "yuv420p" or picture.color_range == ColorRange.JPEG:
        picture = picture.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG)
    planes: NDArray[np.uint8] = picture.to_ndarray()
    return upright(bgr_of(planes), picture.rotation) if picture.rotation else planes


def pixel_aspect(stream: Any, rotation_deg: int) -> Fraction:
    """Return the width of an upright picture's pixel by its height; 0 where it is not known."""
    aspect: Fraction = stream.sample_aspect_ratio or UNKNOWN_ASPECT
    return 1 / aspect if aspect and quarter_turns(rotation_deg) % 2 else aspect


def quarter_turns(rotation_deg: int) -> int:
    """Return by how many quarter turns against the clock a rotation turns, 0 to 3."""
    return round(rotation_deg / 90) % 4


def upright(image: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    """Turn a picture, uint8 [H, W, 3], by quarter turns against the clock."""
    turns = quarter_turns(rotation_deg)
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
