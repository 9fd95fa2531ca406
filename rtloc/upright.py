"""Take the pixels of a picture that PyAV has decoded, upright as its display matrix says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from rtloc.frame import bgr_of

UNKNOWN_ASPECT = Fraction(0)  # as FFmpeg has it


def pixels_of(picture: Any, mirrored: bool) -> NDArray[np.uint8]:
    """Turn a decoded picture into the pixels of a Frame, upright as its display matrix says.

    mirrored: of `is_mirrored`.
    """
    rotation_deg = picture.rotation
    if picture.width % 2 or picture.height % 2:
        # by the matrix that OpenCV takes back again, whatever its own is
        picture = picture.reformat(format="bgr24", src_colorspace=Colorspace.ITU601)
        return upright(picture.to_ndarray(), rotation_deg, mirrored)
    if picture.format.name != "yuv420p" or picture.color_range == ColorRange.JPEG:
        picture = picture.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG)
    planes: NDArray[np.uint8] = picture.to_ndarray()
    if not rotation_deg and not mirrored:
        return planes
    return upright(bgr_of(planes), rotation_deg, mirrored)


def is_mirrored(picture: Any) -> bool:
    """Tell whether the display matrix of a decoded picture mirrors it, as front cameras do.

    Ask it of one picture of a video alone: PyAV keeps each that was asked until Python looks for
    garbage, and large ones fill the memory before that.
    """
    data = picture.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return False
    matrix = np.frombuffer(data, np.int32).reshape(3, 3)[:2, :2].astype(float)
    return bool(np.linalg.det(matrix) < 0)


def pixel_aspect(stream: Any, rotation_deg: int) -> Fraction:
    """Return the width of an upright picture's pixel by its height; 0 where it is not known."""
    aspect: Fraction = stream.sample_aspect_ratio or UNKNOWN_ASPECT
    return 1 / aspect if aspect and quarter_turns(rotation_deg) % 2 else aspect


def quarter_turns(rotation_deg: int) -> int:
    """Return by how many quarter turns against the clock a rotation turns, 0 to 3."""
    return round(rotation_deg / 90) % 4


def upright(
    image: NDArray[np.uint8], rotation_deg: int, mirrored: bool = False
) -> NDArray[np.uint8]:
    """Turn a picture, uint8 [H, W, 3], by quarter turns against the clock.

    mirrored: swap top and bottom first. FFmpeg's rotation is that of the rows; in a mirrored
    picture the columns point the other way.
    """
    turned = np.rot90(image[::-1] if mirrored else image, quarter_turns(rotation_deg))
    return np.ascontiguousarray(turned)
