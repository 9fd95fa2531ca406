"""Fit a frame into the model's input, and take boxes back to the frame."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.model_file import content_wh
from engines.padding import BAR_GREY
from rtloc.frame import planes_of

# BT.601, video range, as OpenCV takes I420 (https://www.itu.int/rec/R-REC-BT.601)
LUMA, BLUE_U, GREEN_U, GREEN_V, RED_V = 255 / 219, 2.017232, -0.391762, -0.812968, 1.596027
YUV_TO_BGR = np.array(
    [
        [LUMA, BLUE_U, 0, -16 * LUMA - 128 * BLUE_U],
        [LUMA, GREEN_U, GREEN_V, -16 * LUMA - 128 * (GREEN_U + GREEN_V)],
        [LUMA, 0, RED_V, -16 * LUMA - 128 * RED_V],
    ],
    np.float32,
)


@dataclass(frozen=True)
class Letterbox:
    """Where a frame lies in the model's input: scaled, centred, grey bars where it does not reach.

    All in pixels: input_wh, frame_wh: width and height of both; content_wh: of the scaled frame;
    offset_xy: its corner in the input.
    """

    input_wh: tuple[int, int]
    frame_wh: tuple[int, int]
    content_wh: tuple[int, int]
    offset_xy: tuple[int, int]

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Input pixels per frame pixel, along x and y (they differ by rounding only)."""
        return self.content_wh[0] / self.frame_wh[0], self.content_wh[1] / self.frame_wh[1]


@lru_cache
def letterbox(width: int, height: int, input_wh: tuple[int, int]) -> Letterbox:
    """Lay a frame of width × height into an input, as large as it goes, centred."""
    input_w, input_h = input_wh
    content_w, content_h = content_wh(width, height, input_wh)
    offset = (input_w - content_w) // 2, (input_h - content_h) // 2
    return Letterbox(input_wh, (width, height), (content_w, content_h), offset)


def fit(image: NDArray[np.uint8], layout: Letterbox, out: NDArray[np.uint8]) -> None:
    """Draw a frame, uint8 [H, W, 3], into the model's input `out`, uint8 [h, w, 3], bars and all.

    The frame may also be I420, [H·3/2, W]: its planes are scaled before they are turned into BGR.
    """
    width, height = layout.content_wh
    x, y = layout.offset_xy
    out[:y], out[y + height :] = BAR_GREY, BAR_GREY
    out[:, :x], out[:, x + width :] = BAR_GREY, BAR_GREY
    content = out[y : y + height, x : x + width]
    if image.ndim == 3:
        scale(image, content)
        return
    planes = [scale(plane, np.empty((height, width), np.uint8)) for plane in planes_of(image)]
    cv2.transform(cv2.merge(planes), YUV_TO_BGR, dst=content)


def scale(image: NDArray[np.uint8], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize a picture, uint8 of any number of channels, into `out`, and return that.

    One more than twice too large is halved first, as often as that holds: each of four pixels then
    counts, where a plain linear resize would skip most, and OpenCV halves fast.
    """
    height, width = out.shape[:2]
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        halved = (image.shape[1] // 2, image.shape[0] // 2)
        image = cv2.resize(image, halved, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    cv2.resize(image, (width, height), dst=out, interpolation=cv2.INTER_LINEAR)
    return out


def unfit(boxes_input_px: NDArray[np.float32], layout: Letterbox) -> NDArray[np.float32]:
    """Take boxes [N, 4] x1 y1 x2 y2 from input pixels to frame pixels, cut at the frame's edges.

    Returns float32 [N, 4].
    """
    offset = np.array(layout.offset_xy * 2, np.float32)
    scale = np.array(layout.scale_xy * 2, np.float32)
    boxes = (boxes_input_px - offset) / scale
    limit = np.array(layout.frame_wh * 2, np.float32)
    return boxes.clip(0, limit).astype(np.float32, copy=False)
