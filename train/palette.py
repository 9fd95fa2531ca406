"""Give an object another palette.

What differs most from one drawing of it to another are the colours: one artist's yellow is pale,
another's blue is green. A change of light, as `train.light` has it, moves all colours alike.
"""

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import layers

Image = NDArray[np.uint8]
HUES = 180  # of OpenCV, in a byte
WAVES = 3  # that a change has round the wheel of hues, at most
TURN = 4.0  # hues: the standard deviation of each wave, and of all hues together
DEEPEN = 0.3  # the same of the logarithm of the saturation
LEAST_DEPTH, GREATEST_DEPTH = 0.25, 2.0

# of each wave, [WAVES, 256], at each hue
ANGLES = np.outer(np.arange(1, WAVES + 1), 2 * np.pi / HUES * np.arange(256))
COS, SIN = np.cos(ANGLES), np.sin(ANGLES)


def recolour(layer: Image, rng: Random) -> Image:
    """Turn and deepen each hue of a premultiplied layer, uint8 [H, W, 4], by its own amount."""
    colours, alpha = layers.split(layer)
    hsv = cv2.cvtColor(colours, cv2.COLOR_BGR2HSV)
    hues = np.arange(256)
    turned = hues + TURN * rng.standard_normal() + round_the_wheel(rng, TURN)
    # paler more often than deeper: few drawings are deeper than flat ones
    depth = np.exp(DEEPEN * (rng.standard_normal() - 0.5) + round_the_wheel(rng, DEEPEN))
    gain = np.clip(depth, LEAST_DEPTH, GREATEST_DEPTH).astype(np.float32)
    hue, saturation, value = cv2.split(hsv)
    planes = [
        cv2.LUT(hue, (np.round(turned) % HUES).astype(np.uint8)),
        cv2.multiply(saturation, cv2.LUT(hue, gain), dtype=cv2.CV_8U),
        value,
    ]
    other = cv2.cvtColor(cv2.merge(planes), cv2.COLOR_HSV2BGR)
    return layers.join(cv2.min(other, layers.in_bgr(alpha)), alpha)


def round_the_wheel(rng: Random, reach: float) -> NDArray[np.float64]:
    """Draw a smooth change for each of OpenCV's hues, float64 [256]; the first and last meet."""
    of_cos, of_sin = rng.standard_normal((2, WAVES)) * reach / np.arange(1, WAVES + 1)
    return np.asarray(of_cos @ COS + of_sin @ SIN)
