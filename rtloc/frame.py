"""One picture of a source, with its place in the source's own time."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.errors import RtlocError

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded picture.

    pixels: uint8, either [H, W, 3] BGR, or [H·3/2, W] I420: the planes Y, U and V one below the
    other, as video files have them. Both ways round costs more than locating, so rtloc converts
    only where BGR is needed.
    index: its number in the source, from 0, counting every frame the source delivered.
    time_s: its timestamp on the source's own clock, in seconds from the source's first frame.
    duration_s: for how long it is shown, in seconds; None where the source does not say.
    """

    pixels: Pixels
    index: int
    time_s: float
    duration_s: float | None = None

    @property
    def image(self) -> Pixels:
        """The picture as uint8 [H, W, 3] BGR; of planes, a copy made anew each time."""
        return bgr_of(self.pixels)


def bgr_of(pixels: Pixels) -> Pixels:
    """Return a picture of either form as uint8 [H, W, 3] BGR."""
    if pixels.ndim == 3:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_I420).astype(np.uint8, copy=False)


def size_wh(pixels: Pixels) -> tuple[int, int]:
    """Return width and height of a picture of either form."""
    if pixels.ndim == 3:
        return pixels.shape[1], pixels.shape[0]
    return pixels.shape[1], pixels.shape[0] * 2 // 3


def planes_of(i420: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Return views of Y [H, W], U and V [H/2, W/2] of I420 pixels [H·3/2, W]."""
    width, height = size_wh(i420)
    chroma = i420[height:].reshape(2, height // 2, width // 2)
    return i420[:height], chroma[0], chroma[1]


def check_picture(image: Pixels) -> None:
    """Raise RtlocError where a picture is not uint8 [H, W, 3] with at least one pixel."""
    if not isinstance(image, np.ndarray):
        raise RtlocError(
            f"a picture must be an array, not {type(image).__name__}; was its file read?"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise RtlocError(
            f"a picture must be uint8 [H, W, 3] in BGR order, not {image.dtype} {list(image.shape)}"
        )


def check_pixels(pixels: Pixels) -> None:
    """Raise RtlocError where a frame's pixels are neither BGR nor I420 with at least one pixel."""
    if not isinstance(pixels, np.ndarray) or pixels.ndim != 2:
        check_picture(pixels)
        return
    rows, columns = pixels.shape
    if pixels.dtype != np.uint8 or rows % 3 or columns % 2 or not pixels.size:
        raise RtlocError(
            "a frame's planes must be uint8 [H·3/2, W], H and W even, "
            f"not {pixels.dtype} {list(pixels.shape)}"
        )
