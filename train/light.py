"""Changes of light, colour and sharpness, for one object or a whole picture."""

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Colours = NDArray[np.float32]


def colour_cast(rng: Random, strength: float) -> tuple[Colours, Colours]:
    """Draw a change of light: a 3×3 matrix on BGR and an offset in grey levels.

    It joins contrast, brightness, saturation and a cast of each channel; strength 0 changes
    nothing.
    """
    gain = np.exp(rng.normal(0, 0.30 * strength) + rng.normal(0, 0.12 * strength, 3))
    saturation = float(np.clip(1 + rng.normal(0, 0.35 * strength), 0, 2))
    grey = np.array([0.114, 0.587, 0.299])
    matrix = saturation * np.eye(3) + (1 - saturation) * np.outer(np.ones(3), grey)
    offset = rng.normal(0, 22 * strength) + rng.normal(0, 6 * strength, 3)
    return (matrix * gain[:, None]).astype(np.float32), offset.astype(np.float32)


def apply_cast(image: NDArray[np.uint8], cast: tuple[Colours, Colours]) -> NDArray[np.uint8]:
    """Apply a change of light to a picture, uint8 [H, W, 3] BGR; values are clipped to 0..255."""
    matrix, offset = cast
    return cv2.transform(image, np.column_stack([matrix, offset])).astype(np.uint8, copy=False)


def apply_cast_premultiplied(layer: Colours, cast: tuple[Colours, Colours]) -> Colours:
    """Apply a change of light to a premultiplied layer, float32 [H, W, 4], but not to its alpha."""
    matrix, offset = cast
    full = np.zeros((4, 4), np.float32)
    full[:3, :3] = matrix
    full[:3, 3] = offset / 255  # an offset weighs as much as the alpha it lies under
    full[3, 3] = 1
    lit = cv2.transform(layer, full)
    np.clip(lit[..., :3], 0, lit[..., 3:], out=lit[..., :3])
    return lit.astype(np.float32, copy=False)


def blur(image: Colours, rng: Random, reach_px: float) -> Colours:
    """Blur by defocus or by motion, up to `reach_px`; works on any number of channels."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, max(0.5, reach_px / 2))).astype(
            image.dtype, copy=False
        )
    length = int(np.ceil(rng.uniform(2, max(3.0, 2 * reach_px)))) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2
    step = np.array([np.cos(angle), np.sin(angle)]) * reach
    start, end = np.round(reach - step).astype(int), np.round(reach + step).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum()).astype(image.dtype, copy=False)


def low_resolution(image: NDArray[np.uint8], rng: Random) -> NDArray[np.uint8]:
    """Shrink a picture by up to 2.5 and stretch it again, as a digital zoom does."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.4, 0.9)
    small = cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale))))
    return cv2.resize(small, (width, height)).astype(np.uint8, copy=False)


def add_noise(
    image: NDArray[np.uint8], rng: Random, bank: NDArray[np.float32], sigma: float
) -> NDArray[np.uint8]:
    """Add sensor noise of standard deviation `sigma` grey levels, cut from a bank of unit noise.

    bank: float32 [≥H, ≥W, 3]; drawing noise afresh for each picture would cost more than all the
    rest.
    """
    height, width = image.shape[:2]
    y = int(rng.integers(0, bank.shape[0] - height + 1))
    x = int(rng.integers(0, bank.shape[1] - width + 1))
    patch = bank[y : y + height, x : x + width]
    return cv2.add(image, patch * np.float32(sigma), dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def jpeg(image: NDArray[np.uint8], rng: Random) -> NDArray[np.uint8]:
    """Compress a picture as JPEG of a random quality between 25 and 90, and decode it."""
    quality = int(rng.integers(25, 91))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)
