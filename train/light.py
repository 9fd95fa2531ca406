"""Changes of light and colour, for one object or a whole picture."""

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Cast = NDArray[np.float32]  # [3, 4]: a matrix on BGR, and an offset in grey levels

GREY = np.array([0.114, 0.587, 0.299])  # how bright B, G and R look
HUE_DEG = 14.0  # at strength 1


def colour_cast(rng: Random, strength: float) -> Cast:
    """Draw a change of light: contrast, brightness, saturation, hue and each channel's gain.

    Strength 0 changes nothing.
    """
    gain = np.exp(rng.normal(0, 0.30 * strength) + rng.normal(0, 0.12 * strength, 3))
    saturation = float(np.clip(1 + rng.normal(0, 0.35 * strength), 0, 2))
    greyed = np.outer(np.ones(3), GREY)
    matrix = saturation * turn_hue(rng.normal(0, HUE_DEG * strength)) @ (np.eye(3) - greyed)
    matrix = (matrix + greyed) * gain[:, None]
    offset = rng.normal(0, 22 * strength) + rng.normal(0, 6 * strength, 3)
    return np.column_stack([matrix, offset]).astype(np.float32)


def turn_hue(degrees: float) -> NDArray[np.float64]:
    """Return the rotation of BGR round the grey axis (Rodrigues' formula)."""
    angle = np.deg2rad(degrees)
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turned: NDArray[np.float64] = (
        np.cos(angle) * np.eye(3)
        + np.sin(angle) * cross
        + (1 - np.cos(angle)) * np.outer(axis, axis)
    )
    return turned


def apply_cast(image: Image, cast: Cast) -> Image:
    """Apply a change of light to a picture, uint8 [H, W, 3] BGR; values are clipped to 0..255."""
    return cv2.transform(image, cast).astype(np.uint8, copy=False)


def apply_cast_to_layer(layer: Image, cast: Cast) -> Image:
    """Apply a change of light to a premultiplied layer, uint8 [H, W, 4], but not to its alpha."""
    over_alpha = cast.copy()
    over_alpha[:, 3] /= 255  # an offset weighs as much as the alpha it lies under
    return with_colours(layer, cv2.transform(layer, over_alpha))


def with_colours(layer: Image, colours: cv2.typing.MatLike) -> Image:
    """Give a premultiplied layer other colours, cut at its alpha, so that none is out of range."""
    alpha = layer[..., 3]
    cut = cv2.min(colours, cv2.merge([alpha, alpha, alpha]))
    return cv2.merge([*cv2.split(cut), alpha]).astype(np.uint8, copy=False)


def shade(layer: Image, rng: Random) -> Image:
    """Let light fall off across a premultiplied layer, in a random direction."""
    height, width = layer.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    dark, bright = rng.uniform(0.45, 0.85), rng.uniform(0.95, 1.25)
    corners = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) @ (np.cos(angle), np.sin(angle))
    parts = np.clip(corners + 0.5, 0, 1).reshape(2, 2)
    gain = cv2.resize((dark + (bright - dark) * parts).astype(np.float32), (width, height))
    lit = cv2.multiply(layer[..., :3], cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)
    return with_colours(layer, lit)
