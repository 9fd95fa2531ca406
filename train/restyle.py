"""Draw an object in another style: a handful of cut-outs shall stand for drawings never seen.

All ways keep the outline, so the box stays exact.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import layers
from train.chance import one_of

Image = NDArray[np.uint8]
P_AGAIN = 0.3  # that a style is drawn over in another one
P_FILTERED = 0.5  # that it is `filtered`: styles never seen are found better for it


def restyle(layer: Image, rng: Random) -> Image:
    """Redraw a premultiplied layer, uint8 [H, W, 4], in a style drawn at random."""
    colours, alpha = layers.split(layer)
    cover = layers.in_bgr(alpha)
    while True:
        way = filtered if rng.random() < P_FILTERED else one_of(rng, OTHER_WAYS)
        colours = cv2.min(way(as_bytes(colours), alpha, rng), cover)
        if rng.random() >= P_AGAIN:
            return layers.join(colours, alpha)


def pixelated(colours: Image, alpha: Image, rng: Random) -> Image:
    """Squares of one colour, 12 to 48 along the longer side, as in an old game."""
    height, width = colours.shape[:2]
    squares = int(rng.integers(12, 49))
    part = min(1.0, squares / max(height, width))
    small_wh = max(1, round(width * part)), max(1, round(height * part))
    # divided by the mean cover, so that squares at the outline do not darken
    cover = cv2.resize(alpha, small_wh, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colours, small_wh, interpolation=cv2.INTER_AREA)
    full = cv2.divide(small, layers.in_bgr(np.maximum(as_bytes(cover), 1)), scale=255)
    large = cv2.resize(full, (width, height), interpolation=cv2.INTER_NEAREST)
    return as_bytes(cv2.multiply(large, layers.in_bgr(alpha), scale=1 / 255))


def posterized(colours: Image, alpha: Image, rng: Random) -> Image:
    """Few tones of each colour, as in print."""
    step = 255 / int(rng.integers(2, 6))
    tones = np.clip(np.round(np.round(np.arange(256) / step) * step), 0, 255).astype(np.uint8)
    return as_bytes(cv2.LUT(colours, tones))


def painted(colours: Image, alpha: Image, rng: Random) -> Image:
    """Without fine lines, as with a broad brush."""
    size = 3 if max(colours.shape[:2]) < 48 or rng.random() < 0.5 else 5
    return as_bytes(cv2.medianBlur(colours, size))


def inked(colours: Image, alpha: Image, rng: Random) -> Image:
    """Dark lines wherever the brightness changes."""
    grey = cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY)
    steep = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    paper = cv2.convertScaleAbs(steep, alpha=-float(rng.uniform(1, 3)), beta=0)
    return as_bytes(cv2.multiply(colours, layers.in_bgr(cv2.bitwise_not(paper)), scale=1 / 255))


def rounded(colours: Image, alpha: Image, rng: Random) -> Image:
    """Brighter in the middle, darker towards the outline, as a body in the light."""
    inside = to_outline_px(alpha)
    depth = np.sqrt(inside / max(1.0, float(inside.max())))
    dark, bright = rng.uniform(0.4, 0.75), rng.uniform(1.05, 1.35)
    gain = (dark + (bright - dark) * depth).astype(np.float32)
    return as_bytes(cv2.multiply(colours, layers.in_bgr(gain), dtype=cv2.CV_8U))


def sculpted(colours: Image, alpha: Image, rng: Random) -> Image:
    """Lit from one side and glossy, as a figure or a rendered body: what it covers, inflated."""
    inside = to_outline_px(alpha)
    radius = max(1.0, float(inside.max()))
    height = np.sqrt(inside * radius) * float(rng.uniform(0.5, 1.2))
    # a crease runs along the middle, as far from one edge as from the other
    soft = 1 + 2 * int(radius / 3)
    for _ in range(2):
        height = cv2.blur(height, (soft, soft))
    slope_x, slope_y = (cv2.Sobel(height, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    angle, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.1)
    across = slope_x * float(np.cos(angle)) + slope_y * float(np.sin(angle))
    steep = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    facing = np.maximum((np.cos(tilt) - np.sin(tilt) * across) * steep, 0)
    dark = rng.uniform(0.35, 0.7)
    gain = (dark + (rng.uniform(1.1, 1.4) - dark) * facing).astype(np.float32)
    lit = cv2.multiply(colours, layers.in_bgr(gain), dtype=cv2.CV_8U)
    gloss = (facing ** int(rng.integers(8, 40)) * rng.uniform(0, 160)).astype(np.float32)
    return as_bytes(cv2.add(lit, layers.in_bgr(gloss), dtype=cv2.CV_8U))


def faded(colours: Image, alpha: Image, rng: Random) -> Image:
    """Nearly without colour, as in a pencil drawing or an old print."""
    grey = layers.in_bgr(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY))
    part = float(rng.uniform(0.5, 0.9))
    return as_bytes(cv2.addWeighted(grey, part, colours, 1 - part, 0))


def unlined(colours: Image, alpha: Image, rng: Random) -> Image:
    """Without dark lines, which what lies beside them takes over, or with broad ones."""
    width = 3 + 2 * int(rng.integers(0, 1 + max(colours.shape[:2]) // 50))
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    if rng.random() < 0.7:
        return as_bytes(cv2.morphologyEx(colours, cv2.MORPH_CLOSE, pen))
    return as_bytes(cv2.erode(colours, pen[: width // 2 + 1, : width // 2 + 1]))


def outlined(colours: Image, alpha: Image, rng: Random) -> Image:
    """Within a line of one dark or bright colour, as a cartoon or a sticker."""
    width = 1 + 2 * int(rng.integers(1, 2 + max(colours.shape[:2]) // 60))
    inside = cv2.erode(alpha, np.ones((width, width), np.uint8), borderValue=0)
    tone = float(rng.uniform(0, 60) if rng.random() < 0.7 else rng.uniform(215, 255))
    line = cv2.convertScaleAbs(cv2.subtract(alpha, inside), alpha=tone / 255)
    kept = cv2.multiply(colours, layers.in_bgr(inside), scale=1 / 255)
    return as_bytes(cv2.add(kept, layers.in_bgr(line)))


def toned(colours: Image, alpha: Image, rng: Random) -> Image:
    """Brighter or darker in the middle tones, each colour by an amount of its own."""
    curves = np.exp(rng.normal(0, 0.15, 3) + rng.normal(0, 0.3))
    tones = 255 * (np.arange(256)[:, None] / 255) ** curves
    return as_bytes(cv2.LUT(colours, np.round(tones).astype(np.uint8)[:, None]))


def textured(colours: Image, alpha: Image, rng: Random) -> Image:
    """Of a grain: paper, cloth, plush, or the blots of watercolours."""
    height, width = colours.shape[:2]
    coarsest = max(5.0, max(height, width) / 5)
    grain = int(rng.integers(1, 5) if rng.random() < 0.5 else rng.uniform(4, coarsest))
    coarse = rng.random((1 + height // grain, 1 + width // grain), np.float32)
    strength = float(rng.uniform(0.15, 0.6))
    gain = 1 - strength / 2 + strength * cv2.resize(coarse, (width, height))
    return as_bytes(cv2.multiply(colours, layers.in_bgr(gain), dtype=cv2.CV_8U))


def filtered(colours: Image, alpha: Image, rng: Random) -> Image:
    """In part as a small random convolution sees it, as bright: other textures and colours.

    RandConv, https://arxiv.org/abs/2007.13003
    """
    size = int(rng.choice((1, 3, 5)))
    kernels = rng.normal(0, 1 / size, (3, size, size))
    channels = [cv2.filter2D(colours[..., c], cv2.CV_32F, kernels[c]) for c in range(3)]
    seen = cv2.transform(cv2.merge(channels), rng.normal(0, 0.6, (3, 3)))
    (mean, contrast), (mean_seen, contrast_seen) = (
        mean_and_contrast(of, alpha) for of in (colours, seen)
    )
    gain = contrast / (contrast_seen + 1e-3)
    seen = np.clip((seen - mean_seen) * gain + mean, 0, 255).astype(np.uint8)
    part = float(rng.uniform(0.2, 0.9))
    return as_bytes(cv2.addWeighted(seen, part, colours, 1 - part, 0))


def mean_and_contrast(
    image: cv2.typing.MatLike, alpha: Image
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each colour's mean, [3], and the contrast of all three, of what is covered."""
    parts = cv2.meanStdDev(image, mask=alpha)
    mean, deviation = (np.asarray(part, np.float64)[:, 0] for part in parts)
    return mean, np.sqrt(np.mean(deviation**2) + mean.var())


def to_outline_px(alpha: Image) -> NDArray[np.float32]:
    """Return how far each place is from what is not covered, float32 [H, W]; 0 outside.

    Nothing is covered beyond the layer.
    """
    covered = (alpha > 127).astype(np.uint8)
    bordered = cv2.copyMakeBorder(covered, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distances = cv2.distanceTransform(bordered, cv2.DIST_L2, 3)
    return distances[1:-1, 1:-1].astype(np.float32, copy=False)


def as_bytes(image: cv2.typing.MatLike) -> Image:
    """Return what OpenCV made as the array of bytes that it is."""
    return image.astype(np.uint8, copy=False)


OTHER_WAYS: tuple[Callable[[Image, Image, Random], Image], ...] = (
    pixelated,
    posterized,
    painted,
    inked,
    rounded,
    sculpted,
    faded,
    unlined,
    outlined,
    toned,
    textured,
)
