"""The shadows that hold actors to the ground."""

from typing import Literal

import cv2
import numpy as np
from actors import Drawn, Pose
from numpy.typing import NDArray

from train.paste import blend

Shadow = Literal["contact", "drop"]


def cast(frame: NDArray[np.uint8], kind: Shadow, drawn: Drawn, pose: Pose) -> None:
    """Darken `frame` in place.

    contact: a soft patch under the feet of one who stands; drop: the outline, a little aside, of
    one who lies flat and is seen from above.
    """
    dark, x, y = _contact(pose) if kind == "contact" else _drop(drawn, pose)
    layer = np.zeros((*dark.shape, 4), np.uint8)
    layer[..., 3] = np.round(255 * dark)
    blend(frame, layer, x, y)  # premultiplied, a layer without colour only darkens


def _contact(pose: Pose) -> tuple[NDArray[np.float32], int, int]:
    squeeze = abs(float(np.linalg.det(pose.shape)))
    width = (0.45 + 0.32 * squeeze) * pose.height_px
    flat = 0.13 * pose.height_px
    room = 0.15 * pose.height_px + 6
    size = (int(width + 2 * room), int(flat + 2 * room))
    dark = np.zeros(size[::-1], np.float32)
    centre = (size[0] // 2, size[1] // 2)
    cv2.ellipse(dark, centre, (int(width / 2), int(flat / 2)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    dark = cv2.GaussianBlur(dark, (0, 0), 0.035 * pose.height_px + 1)
    strength = 0.55 / (1 + 6 * pose.lift_px / pose.height_px)
    x, y = pose.feet_xy_px - (size[0] / 2, size[1] / 2 + 0.02 * pose.height_px)
    return (strength * dark).astype(np.float32), round(x), round(y)


def _drop(drawn: Drawn, pose: Pose) -> tuple[NDArray[np.float32], int, int]:
    room = int(0.1 * pose.height_px) + 6
    alpha = cv2.copyMakeBorder(
        drawn.pixels[..., 3] / 255, room, room, room, room, cv2.BORDER_CONSTANT
    )
    dark = cv2.GaussianBlur(alpha, (0, 0), 0.02 * pose.height_px + 1)
    aside = 0.025 * pose.height_px + pose.lift_px
    x, y = drawn.x - room + 0.8 * aside, drawn.y - room + 1.2 * aside
    return (0.45 * dark).astype(np.float32), round(x), round(y)
