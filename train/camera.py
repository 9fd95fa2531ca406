"""What lens, sensor and compression do to a picture or to one object in it."""

import math
from fractions import Fraction

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train.chance import NOISE_STREAM

Image = NDArray[np.uint8]

LONGEST_KERNEL = 11
SPARE_PX = 64  # wider and higher than pictures is the noise, so that each gets another part of it
NOISE_MEAN, NOISE_SIGMA = 128.0, 32.0


def blur(image: Image, rng: Random, reach_px: float, p_motion: float = 0.5) -> Image:
    """Blur by motion, else by defocus, up to `reach_px`; works on any number of channels."""
    if rng.random() < 1 - p_motion:
        sigma = rng.uniform(0.4, max(0.5, reach_px / 2))
        return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
    length_px = rng.uniform(2, max(3.0, 2 * reach_px))
    return motion_blur(image, length_px, rng.uniform(0, np.pi))


def motion_blur(image: Image, length_px: float, angle: float) -> Image:
    """Blur along a line of that length, at an angle in radians.

    A long line is drawn in a smaller picture: what is lost on the way is blurred anyway, and
    OpenCV filters with a kernel of more than 11 × 11 through a Fourier transform, which is slow.
    """
    height, width = image.shape[:2]
    shrink = 1 << max(0, math.ceil(math.log2(length_px / LONGEST_KERNEL)))
    kernel = line_kernel(math.ceil(length_px / shrink) | 1, angle)
    if shrink == 1:
        return cv2.filter2D(image, -1, kernel).astype(np.uint8, copy=False)
    small_wh = max(1, width // shrink), max(1, height // shrink)
    small = cv2.filter2D(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA), -1, kernel)
    return cv2.resize(small, (width, height)).astype(np.uint8, copy=False)


def line_kernel(length: int, angle: float) -> NDArray[np.float32]:
    """Draw a line through the middle of a kernel, float32 [length, length] of sum 1."""
    kernel = np.zeros((length, length), np.float32)
    reach = (length - 1) / 2
    x, y = reach * math.cos(angle), reach * math.sin(angle)
    start, end = (round(reach - x), round(reach - y)), (round(reach + x), round(reach + y))
    cv2.line(kernel, start, end, 1.0)
    kernel /= kernel.sum()
    return kernel


def low_resolution(image: Image, rng: Random) -> Image:
    """Shrink a picture by up to 2.5 and stretch it again, as a digital zoom does."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.4, 0.9)
    small = cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale))))
    return cv2.resize(small, (width, height)).astype(np.uint8, copy=False)


def noise_bank(seed: int, size: int) -> Image:
    """Draw noise for `add_noise`, uint8 [size + 64, size + 64, 3].

    Its mean is 128, its standard deviation 32: two arrays of bytes are what OpenCV adds fastest.
    """
    rng = np.random.default_rng([seed, NOISE_STREAM])
    unit = rng.standard_normal((size + SPARE_PX, size + SPARE_PX, 3), np.float32)
    return np.clip(np.round(NOISE_MEAN + NOISE_SIGMA * unit), 0, 255).astype(np.uint8)


def noise_for(bank: Image, seed: int, size: int) -> Image:
    """Return a `noise_bank` for pictures of that size: this one, if it is large enough."""
    return bank if size + SPARE_PX <= bank.shape[0] else noise_bank(seed, size)


def add_noise(image: Image, rng: Random, bank: Image, sigma: float) -> Image:
    """Add sensor noise of standard deviation `sigma` grey levels, cut from a `noise_bank`.

    Drawing noise afresh for each picture would cost more than all the rest.
    """
    height, width = image.shape[:2]
    y = int(rng.integers(0, bank.shape[0] - height + 1))
    x = int(rng.integers(0, bank.shape[1] - width + 1))
    patch = bank[y : y + height, x : x + width]
    part = sigma / NOISE_SIGMA
    noisy = cv2.addWeighted(image, 1.0, patch, part, -NOISE_MEAN * part)
    return noisy.astype(np.uint8, copy=False)


def jpeg(image: Image, rng: Random) -> Image:
    """Compress a picture as JPEG of a random quality between 25 and 90, and decode it."""
    quality = int(rng.integers(25, 91))
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded.astype(np.uint8, copy=False)


def film_frame(image: Image, rng: Random) -> Image:
    """Compress a picture as the second frame of a film (MPEG-4 part 2, coarse), and decode it.

    The frame before it is the same picture moved a little, so that there are motion vectors and
    coarse residues as in real footage.
    """
    import av

    height, width = (side & ~1 for side in image.shape[:2])
    encoder = av.CodecContext.create("mpeg4", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    coarseness = int(rng.integers(4, 16))
    encoder.qmin = encoder.qmax = coarseness
    decoder = av.CodecContext.create("mpeg4", "r")
    dx, dy = (int(v) for v in rng.integers(-3, 4, 2))
    before = np.roll(image, (dy, dx), axis=(0, 1))
    pictures = []
    for n, pixels in enumerate((before, image)):
        planes = cv2.cvtColor(pixels[:height, :width], cv2.COLOR_BGR2YUV_I420)
        frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8), format="yuv420p")
        frame.pts = n
        for packet in encoder.encode(frame):
            pictures += decoder.decode(packet)
    for packet in encoder.encode(None):
        pictures += decoder.decode(packet)
    pictures += decoder.decode(None)
    decoded = image.copy()
    decoded[:height, :width] = cv2.cvtColor(pictures[-1].to_ndarray(), cv2.COLOR_YUV2BGR_I420)
    return decoded
