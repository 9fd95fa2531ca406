"""What lens, sensor and compression do to a picture or to one object in it."""

from fractions import Fraction

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def blur(image: Image, rng: Random, reach_px: float) -> Image:
    """Blur by defocus or by motion, up to `reach_px`; works on any number of channels."""
    if rng.random() < 0.5:
        sigma = rng.uniform(0.4, max(0.5, reach_px / 2))
        return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
    length = int(np.ceil(rng.uniform(2, max(3.0, 2 * reach_px)))) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2
    step = np.array([np.cos(angle), np.sin(angle)]) * reach
    start, end = np.round(reach - step).astype(int), np.round(reach + step).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)


def low_resolution(image: Image, rng: Random) -> Image:
    """Shrink a picture by up to 2.5 and stretch it again, as a digital zoom does."""
    height, width = image.shape[:2]
    scale = rng.uniform(0.4, 0.9)
    small = cv2.resize(image, (max(1, int(width * scale)), max(1, int(height * scale))))
    return cv2.resize(small, (width, height)).astype(np.uint8, copy=False)


def noise_bank(seed: int, size: int) -> NDArray[np.int8]:
    """Draw noise of standard deviation 32, int8 [size + 64, size + 64, 3], for `add_noise`."""
    rng = np.random.default_rng([seed, 0x6E6F])
    unit = rng.standard_normal((size + 64, size + 64, 3), np.float32)
    return np.clip(np.round(32 * unit), -127, 127).astype(np.int8)


def add_noise(image: Image, rng: Random, bank: NDArray[np.int8], sigma: float) -> Image:
    """Add sensor noise of standard deviation `sigma` grey levels, cut from a bank.

    bank: int8 [≥H, ≥W, 3]; drawing noise afresh for each picture would cost more than all the rest.
    """
    height, width = image.shape[:2]
    y = int(rng.integers(0, bank.shape[0] - height + 1))
    x = int(rng.integers(0, bank.shape[1] - width + 1))
    patch = bank[y : y + height, x : x + width]
    return cv2.addWeighted(image, 1.0, patch, sigma / 32, 0, dtype=cv2.CV_8U).astype(
        np.uint8, copy=False
    )


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
