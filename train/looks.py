"""How one pasted object looks: its light, a card under it, its shadow, the seam of its edge."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import camera, layers, light, paste
from train.palette import recolour
from train.paste import Layer
from train.restyle import restyle
from train.stages import Stage

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Dressed:
    """An object ready to be pasted.

    pixels: uint8 [h, w, 4], premultiplied BGR and alpha; margin: how many more there are on each
    side than its layer had.
    """

    pixels: Image
    margin: int


def card_margin(rng: Random, layer_wh: tuple[int, int], stage: Stage) -> int:
    """Draw how many pixels a card reaches beyond an object's layer, 0 without one."""
    if rng.random() >= stage.p_card:
        return 0
    return 1 + int(rng.uniform(0.05, 0.3) * max(layer_wh))


def dress(rng: Random, layer: Layer, stage: Stage, card: int = 0) -> Dressed:
    """Give a transformed cut-out its looks; card: of `card_margin`."""
    pixels = layer.pixels
    if stage.p_recolour and rng.random() < stage.p_recolour:
        pixels = recolour(pixels, rng)
    if rng.random() < stage.p_restyle:
        pixels = restyle(pixels, rng)
    if stage.object_light:
        pixels = light.apply_cast_to_layer(pixels, light.colour_cast(rng, stage.object_light))
    margin = card
    if card:
        pixels = on_card(rng, pixels, card)
    if rng.random() < stage.p_shading:
        pixels = light.shade(pixels, rng)
    side = max(layer.box_px[2] - layer.box_px[0], layer.box_px[3] - layer.box_px[1])
    if rng.random() < stage.p_object_blur:
        room = int(np.ceil(0.06 * side)) + 2
        pixels, margin = widened(pixels, room), margin + room
        reach_px = max(1.0, 0.06 * side)
        pixels = camera.blur(pixels, rng, reach_px, stage.p_motion)
    return Dressed(pixels, margin)


def on_card(rng: Random, pixels: Image, margin: int) -> Image:
    """Lay an object on a card of one colour that is `margin` larger on each side."""
    colour = rng.uniform(190, 255) * np.ones(3) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    height, width = (side + 2 * margin for side in pixels.shape[:2])
    card = np.full((height, width, 3), colour, np.uint8)
    paste.blend(card, pixels, margin, margin)
    return cv2.cvtColor(card, cv2.COLOR_BGR2BGRA).astype(np.uint8, copy=False)  # alpha 255


def widened(pixels: Image, room: int) -> Image:
    """Give a layer a border of nothing."""
    return cv2.copyMakeBorder(pixels, room, room, room, room, cv2.BORDER_CONSTANT).astype(
        np.uint8, copy=False
    )


def paste_dressed(
    rng: Random, canvas: Image, pixels: Image, corner_xy: tuple[int, int], stage: Stage
) -> Image:
    """Paste an object, its shadow first, by one of several ways drawn at random.

    A net that always sees the same seam learns the seam. Returns the pixels as they were pasted.
    """
    x, y = corner_xy
    if rng.random() < stage.p_shadow:
        cast_shadow(rng, canvas, pixels, x, y)
    way = rng.random()
    if way < stage.p_poisson and paste.blend_poisson(canvas, pixels, x, y):
        return pixels
    if stage.p_poisson <= way < stage.p_poisson + stage.p_feather:
        # a wide seam would leave nothing of a small object
        widest = min(1.6, 0.02 * max(pixels.shape[:2]))
        pixels = feathered(pixels, float(rng.uniform(0.3, max(0.4, widest))))
    paste.blend(canvas, pixels, x, y)
    return pixels


def feathered(pixels: Image, sigma: float) -> Image:
    """Let a layer's edge fade: its alpha is blurred and kept inside the old one."""
    soft = cv2.GaussianBlur(layers.alpha_of(pixels), (0, 0), sigma)
    keep = cv2.addWeighted(soft, 2.0, soft, 0.0, -255)
    return cv2.multiply(pixels, cv2.merge([keep, keep, keep, keep]), scale=1 / 255).astype(
        np.uint8, copy=False
    )


def cast_shadow(rng: Random, canvas: Image, pixels: Image, x: int, y: int) -> None:
    """Darken what lies beside or under an object: its outline, moved, flattened and soft."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    room = int(0.15 * side) + 2
    seen = layers.alpha_of(pixels)
    alpha = cv2.copyMakeBorder(seen, room, room, room, room, cv2.BORDER_CONSTANT)
    dx, dy = (int(v) for v in rng.uniform(-0.15, 0.15, 2) * side)
    if rng.random() < 0.5:  # on the ground: flat, at the feet
        flat = max(4, int(rng.uniform(0.15, 0.35) * alpha.shape[0]))
        alpha = cv2.resize(alpha, (alpha.shape[1], flat), interpolation=cv2.INTER_AREA)
        dy = height + room - flat + int(0.3 * flat)
    soft = cv2.blur(alpha, (2 * (room // 4) + 1,) * 2)
    dark = cv2.convertScaleAbs(soft, alpha=float(rng.uniform(0.2, 0.6)))
    paste.darken(canvas, dark.astype(np.uint8, copy=False), x - room + dx, y - room + dy)
