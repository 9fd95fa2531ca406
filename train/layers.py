"""Take a layer apart and put it together: premultiplied BGR and alpha, uint8 [H, W, 4].

OpenCV does it with the processor's vector instructions; a slice such as `layer[..., :3]` looks
simpler, but whatever OpenCV then does with it begins with a slow copy.
"""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def colours_of(layer: Image) -> MatLike:
    """Return the colours, uint8 [H, W, 3], premultiplied as they are."""
    return cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR)


def alpha_of(layer: Image) -> Image:
    """Return the alpha, uint8 [H, W]."""
    return cv2.extractChannel(layer, 3).astype(np.uint8, copy=False)


def split(layer: Image) -> tuple[MatLike, Image]:
    """Return the colours and the alpha."""
    return colours_of(layer), alpha_of(layer)


def join(colours: MatLike, alpha: MatLike) -> Image:
    """Make a layer of colours, uint8 [H, W, 3], none stronger than the alpha, uint8 [H, W]."""
    layer = cv2.cvtColor(colours, cv2.COLOR_BGR2BGRA)
    return cv2.insertChannel(alpha, layer, 3).astype(np.uint8, copy=False)


def in_bgr(plane: MatLike) -> MatLike:
    """Repeat one channel, [H, W], for blue, green and red."""
    return cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR)


def cut_from(fill: MatLike, alpha: MatLike) -> Image:
    """Make a layer of colours, uint8 [H, W, 3], and an alpha, uint8 [H, W]."""
    return join(cv2.multiply(fill, in_bgr(alpha), scale=1 / 255), alpha)


def premultiplied(image: Image) -> Image:
    """Make a layer of a picture, uint8 [H, W, 4] BGRA: multiply its colours by its alpha."""
    return cut_from(*split(image))


def unpremultiplied(layer: Image) -> Image:
    """Make a picture of a layer: divide its colours by its alpha; black where that is 0."""
    colours, alpha = split(layer)
    return join(cv2.divide(colours, in_bgr(alpha), scale=255), alpha)
