"""Changes of light and colour, for one object or a whole picture."""

import math

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import layers

Image = NDArray[np.uint8]
Cast = NDArray[np.float32]  # [3, 4]: a matrix on BGR, and an offset in grey levels

HUE_DEG = 14.0  # at strength 1
P_NEGATIVE = 0.15

# A change of saturation and hue scales and turns what is left of a colour without its grey:
# BGR - GREYED @ BGR. The turn round the grey axis is Rodrigues' formula; written out, it is
# cos · ACROSS + sin · ROUND + ALONG.
GREYED = np.outer(np.ones(3), [0.114, 0.587, 0.299])  # how bright B, G and R look
ACROSS = np.eye(3) - 1 / 3
ROUND = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
ALONG = 1 / 3 - GREYED


def colour_cast(rng: Random, strength: float) -> Cast:
    """Draw a change of light: contrast, brightness, saturation, hue and each channel's gain.

    Strength 0 changes nothing.
    """
    drawn = strength * rng.standard_normal(10)
    contrast, saturation, hue, brightness = drawn[:4].tolist()
    saturation = min(2.0, max(0.0, 1 + 0.35 * saturation))
    angle = math.radians(HUE_DEG * hue)
    turned = math.cos(angle) * ACROSS + math.sin(angle) * ROUND + ALONG
    gain = np.exp(0.30 * contrast + 0.12 * drawn[4:7])
    cast = np.empty((3, 4), np.float32)
    cast[:, :3] = (saturation * turned + GREYED) * gain[:, None]
    cast[:, 3] = 22 * brightness + 6 * drawn[7:]
    return cast


def other_colours(rng: Random) -> Cast:
    """Draw a turn of all hues by any angle, now and then of a negative."""
    angle = rng.uniform(0, 2 * math.pi)
    cast = np.zeros((3, 4), np.float32)
    cast[:, :3] = math.cos(angle) * ACROSS + math.sin(angle) * ROUND + 1 / 3
    if rng.random() < P_NEGATIVE:
        cast = -cast
        cast[:, 3] = 255
    return cast


def apply_cast(image: Image, cast: Cast) -> Image:
    """Apply a change of light to a picture, uint8 [H, W, 3] BGR; values are clipped to 0..255."""
    return cv2.transform(image, cast).astype(np.uint8, copy=False)


def apply_cast_to_layer(layer: Image, cast: Cast) -> Image:
    """Apply a change of light to a premultiplied layer, uint8 [H, W, 4], but not to its alpha."""
    # an offset weighs as much as the alpha it lies under
    on_layer = np.eye(4, dtype=np.float32)
    on_layer[:3] = cast
    on_layer[:3, 3] /= 255
    lit = cv2.transform(layer, on_layer)
    cover = cv2.cvtColor(layers.alpha_of(layer), cv2.COLOR_GRAY2BGRA)
    return cv2.min(lit, cover).astype(np.uint8, copy=False)


def shade(layer: Image, rng: Random) -> Image:
    """Let light fall off across a premultiplied layer, in a random direction."""
    height, width = layer.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    dark, bright = rng.uniform(0.45, 0.85), rng.uniform(0.95, 1.25)
    corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) @ (np.cos(angle), np.sin(angle))
    parts = np.clip(corners + 0.5, 0, 1).reshape(2, 2)
    gain = cv2.resize((dark + (bright - dark) * parts).astype(np.float32), (width, height))
    colours, alpha = layers.split(layer)
    lit = cv2.multiply(colours, layers.in_bgr(gain), dtype=cv2.CV_8U)
    return layers.join(cv2.min(lit, layers.in_bgr(alpha)), alpha)
