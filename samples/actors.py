"""Actors: where a cut-out stands at a moment, and how it looks there."""

from dataclasses import dataclass
from typing import Literal

import cv2
import keyframes
import numpy as np
from footage import FRAME_WH
from numpy.typing import NDArray

from train import paste
from train.cutouts import Cutout

ActorKey = tuple[float, float, float, float, float, float]
Drawing = Literal["drawing", "sprite"]

LOOKS_RIGHT_AS_DRAWN = {("Bulbasaur", "drawing"), ("Squirtle", "drawing")}
NARROWEST = 0.45  # turning round squeezes an actor to this part of its width, never to a line
ROLL_DEG = 3.0  # from foot to foot
SHUTTER_S = 0.5 * 1001 / 30000
LENS_BLUR_PX = 1.0  # the footage is enlarged and thus soft; a sharp actor would look stuck on
MARGIN_PX = 4


@dataclass(frozen=True)
class Actor:
    """One appearance of one class.

    keys: (time in seconds, x, y, height, tilt in degrees, look). x and y are the feet's place, in
    the scene's pixels as the height is; look is 1 to the right, -1 to the left. It is drawn from
    the first key's time to the last one's.
    hop: height of its steps as a part of its own height; steps_per_s: how many it takes.
    """

    label: str
    drawing: Drawing
    keys: tuple[ActorKey, ...]
    hop: float = 0.04
    steps_per_s: float = 3.0

    def plays(self, time_s: float) -> bool:
        """Say whether this is its time."""
        return self.keys[0][0] <= time_s <= self.keys[-1][0]


@dataclass(frozen=True, eq=False)
class Pose:
    """An actor at one moment, in pixels of the frame.

    shape: the 2×2 transform of the cut-out, without its size; lift_px: how far the feet are above
    the ground.
    """

    feet_xy_px: NDArray[np.float64]
    height_px: float
    lift_px: float
    shape: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A drawn actor: float32 [h, w, 4] premultiplied BGR and alpha, its corner at (x, y)."""

    pixels: NDArray[np.float32]
    x: int
    y: int


def pose_at(actor: Actor, time_s: float, camera: NDArray[np.float64]) -> Pose:
    """Find an actor's pose at a moment as the camera sees it."""
    x, y, height, tilt_deg, look = keyframes.at(actor.keys, time_s)
    scale = float(camera[0, 0])
    step = np.sin(np.pi * actor.steps_per_s * time_s)
    angle = np.deg2rad(tilt_deg + ROLL_DEG * step)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    drawn_right = (actor.label, actor.drawing) in LOOKS_RIGHT_AS_DRAWN
    wide = np.copysign(max(NARROWEST, abs(look)), look if drawn_right else -look)
    lift = float(abs(step)) * actor.hop * height * scale
    feet = camera @ np.array([x, y, 1.0])
    return Pose(feet, height * scale, lift, turn @ np.diag([wide, 1.0]))


def draw(actor: Actor, cutout: Cutout, time_s: float, camera: NDArray[np.float64]) -> Drawn | None:
    """Draw an actor with the blur of its motion while the shutter is open.

    Returns None where nothing of it comes near the frame.
    """
    opens, closes = (pose_at(actor, time_s + part * SHUTTER_S, camera) for part in (-0.5, 0.5))
    travel_px = float(np.linalg.norm(closes.feet_xy_px - opens.feet_xy_px))
    moments = int(np.clip(np.ceil(travel_px / 1.5), 1, 12))
    parts = (np.arange(moments) + 0.5) / moments - 0.5
    shots = [_still(cutout, pose_at(actor, time_s + p * SHUTTER_S, camera)) for p in parts]
    corners = np.array([corner for _, corner in shots])
    ends = np.array([corner + layer.shape[1::-1] for layer, corner in shots])
    x, y = (int(v) for v in np.floor(corners.min(axis=0)) - MARGIN_PX)
    width, height = (int(v) for v in np.ceil(ends.max(axis=0)) + MARGIN_PX - (x, y))
    if x >= FRAME_WH[0] or y >= FRAME_WH[1] or x + width <= 0 or y + height <= 0:
        return None
    total = np.zeros((height, width, 4), np.float32)
    for layer, corner in shots:
        shift = np.column_stack([np.eye(2), corner - (x, y)])
        total += cv2.warpAffine(layer, shift, (width, height), flags=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(total / len(shots), (0, 0), LENS_BLUR_PX)
    return Drawn(soft.astype(np.float32, copy=False), x, y)


def _still(cutout: Cutout, pose: Pose) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Draw a pose; also return where the layer's corner lies, in parts of a pixel."""
    height, width = cutout.levels[0].shape[:2]
    # what can be seen, its feet's middle at the origin
    outline = cutout.outline * (width, height)
    low, high = outline.min(axis=0), outline.max(axis=0)
    outline = outline - ((low[0] + high[0]) / 2, high[1])
    scale = pose.height_px / (high[1] - low[1])
    placed = outline @ pose.shape.T * scale + pose.feet_xy_px - (0, pose.lift_px)
    layer = paste.transform_cutout(cutout, pose.shape, float(np.ptp(placed, axis=0).max()))
    return layer.pixels.astype(np.float32), placed.min(axis=0) - layer.box_px[:2]


def lit(drawn: Drawn, background: NDArray[np.uint8]) -> Drawn:
    """Bring an actor's light nearer to what is behind it, and darken it towards its feet."""
    height, width = drawn.pixels.shape[:2]
    x1, y1 = max(0, drawn.x), max(0, drawn.y)
    behind = background[y1 : drawn.y + height, x1 : drawn.x + width]
    mean = behind.reshape(-1, 3).mean(axis=0)
    grey = max(1.0, float(mean.mean()))
    tint = 1 + 0.15 * (mean / grey - 1)
    level = np.clip((grey / 115) ** 0.3, 0.8, 1.05)
    shade = np.linspace(1.04, 0.8, height)[:, None, None]
    alpha = drawn.pixels[..., 3:]
    colours = drawn.pixels[..., :3] * (0.9 * level * tint * shade) + 14 * alpha / 255
    pixels = np.concatenate([np.minimum(colours, alpha), alpha], axis=2)
    return Drawn(pixels.astype(np.float32), drawn.x, drawn.y)
