"""What every H.264 MP4 of rtloc has in common: how it is encoded, laid out and stamped."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.frame import bgr_of, size_wh

# half the time of veryfast at 23, for the same PSNR and files a quarter larger
PRESET = "superfast"
CRF = "24"
# Fragments until the end, then an ordinary index. Edit lists keep sound and pictures together: the
# pictures' decoding starts before time 0, as does the sound's priming. Their unit of 1/120000 s
# holds a frame of any usual rate exactly. FFmpeg before 8.1, of PyAV before 18, writes no pictures
# where the index waits for the first of them; in one that does not wait, sound with a priming may
# move the pictures by its length, a few milliseconds.
WAITS = av.library_versions["libavformat"] >= (62, 12, 0)
MP4_OPTIONS = {
    "movflags": "+hybrid_fragmented" + ("+delay_moov" if WAITS else "+empty_moov"),
    "use_editlist": "1",
    "movie_timescale": "120000",
}
KEY_FRAME_S = 2.0  # also how much a cut power cord may cost
LIVE_RATE = Fraction(30)  # what is said of frames that have no rate, but each its own time
LIVE_TICKS_PER_S = 90_000


def new_stream(
    output: Any,
    wh: tuple[int, int],
    rate: Fraction = LIVE_RATE,
    time_base: Fraction = Fraction(1, LIVE_TICKS_PER_S),
) -> Any:
    """Add to a container an H.264 stream that browsers play.

    wh: width and height in pixels, both even; rate: frames per second; time_base: seconds per tick.
    """
    options = {"preset": PRESET, "crf": CRF, "x264-params": "log-level=error"}
    stream = output.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height = wh
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = time_base
    stream.codec_context.gop_size = max(1, round(KEY_FRAME_S * rate))
    return stream


def stamped(planes: NDArray[np.uint8], ticks: int, time_base: Fraction) -> av.VideoFrame:
    """Return I420 planes, uint8 [H·3/2, W], as a picture that is shown at a time in ticks."""
    # of any other height than a multiple of 4 PyAV takes a buffer for another one; copies it does
    height = planes.shape[0] * 2 // 3
    of_planes = av.VideoFrame.from_ndarray if height % 4 else av.VideoFrame.from_numpy_buffer
    picture = of_planes(planes, format="yuv420p")
    picture.pts, picture.time_base = ticks, time_base
    return picture


def even_wh(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the width and height of pixels, each rounded up to even, as yuv420p needs."""
    width, height = size_wh(pixels)
    return width + width % 2, height + height % 2


def planes_for(pixels: NDArray[np.uint8], wanted_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a frame's pixels as I420 of a size; I420 of that size is returned as it is."""
    if pixels.ndim == 2 and size_wh(pixels) == wanted_wh:
        return pixels
    image = even_sided(bgr_of(pixels))
    if (image.shape[1], image.shape[0]) != wanted_wh:
        image = cv2.resize(image, wanted_wh)  # type: ignore[assignment]
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).astype(np.uint8, copy=False)


def even_sided(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row or column where a side is odd: yuv420p has a colour per 2×2 pixels."""
    bottom, right = image.shape[0] % 2, image.shape[1] % 2
    if not bottom and not right:
        return image
    padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return padded.astype(np.uint8, copy=False)
