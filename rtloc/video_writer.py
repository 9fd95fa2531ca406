"""Write frames as an H.264 MP4 that browsers play, each at its own timestamp."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from rtloc.errors import RtlocError
from rtloc.files import keep_leftover, partial_name
from rtloc.frame import Frame, bgr_of, size_wh
from rtloc.sound import SoundTrack, open_sound
from rtloc.video_file import VideoFile

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
THREADS = "FRAME"  # several frames at once; slices of one, PyAV's own choice, leave cores idle
KEY_FRAME_S = 2.0  # also how much a cut power cord may cost


class VideoWriter:
    """An MP4 being written. Use `open_writer`."""

    def __init__(self, path: Path, output: Any, source: VideoFile, with_sound: bool) -> None:
        self._path = path
        self._output = output
        self._source = source
        self._with_sound = with_sound
        self._stream: Any = None
        self._sound: SoundTrack | None = None
        self._zero_ticks = source.origin_ticks
        self._end_ticks = 0
        self._delay_ticks: int | None = None
        self._size_wh = (0, 0)
        self.frames_written = 0

    def write(self, frame: Frame) -> None:
        """Encode a frame at its own time; the first frame of a part of a file begins at 0.

        Raises:
            RtlocError: the disk is full, or so.
        """
        if self._stream is None:
            self._begin(frame)
        planes = planes_for(frame.pixels, self._size_wh)
        picture = av.VideoFrame.from_numpy_buffer(planes, format="yuv420p")
        picture.pts = self._ticks(frame.time_s)
        picture.time_base = self._source.time_base
        length_s = frame.duration_s or 1 / self._source.rate
        self._end_ticks = picture.pts + round(length_s / self._source.time_base)
        with failures_named(self._path):
            if self._sound:
                self._sound.write_until(float(picture.pts * picture.time_base))
            self._output.mux(self._encoded(picture))
        self.frames_written += 1

    def _begin(self, frame: Frame) -> None:
        """Add the streams, now that the size and the first timestamp are known."""
        source = self._source
        width, height = (side + side % 2 for side in size_wh(frame.pixels))
        self._size_wh = (width, height)
        cut = frame.index > 0
        if cut:
            self._zero_ticks = source.origin_ticks + round(frame.time_s / source.time_base)
        elif source.container.start_time is not None:  # sound may begin before the pictures
            start_s = Fraction(source.container.start_time, av.time_base)
            self._zero_ticks = round(start_s / source.time_base)
        options = {"preset": PRESET, "crf": CRF, "x264-params": "log-level=error"}
        stream = self._output.add_stream("libx264", rate=source.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = source.time_base
        stream.codec_context.gop_size = max(1, round(KEY_FRAME_S * source.rate))
        stream.codec_context.thread_type = THREADS
        stream.codec_context.sample_aspect_ratio = source.pixel_aspect
        copy_colours(source.stream.codec_context, stream.codec_context)
        self._stream = stream
        if self._with_sound:
            zero_s = float(self._zero_ticks * source.time_base)
            self._sound = open_sound(source.path, self._output, zero_s, cut)

    def _encoded(self, picture: Any) -> list[Any]:
        """Encode a picture, or with None what is left; note how far decoding runs ahead."""
        packets: list[Any] = self._stream.encode(picture)
        if packets and self._delay_ticks is None:
            self._delay_ticks = packets[0].pts - packets[0].dts
        return packets

    def finish(self) -> None:
        """Write what the encoder still holds and the sound up to the last frame."""
        if self._stream is None:
            return
        packets = self._encoded(None)
        if packets:  # a track ends with the packet that is decoded last, not with that shown last
            last = packets[-1]
            delay = min(self._delay_ticks or 0, last.pts - last.dts)
            last.duration = max(1, self._end_ticks - delay - last.dts)
        self._output.mux(packets)
        if self._sound:
            self._sound.write_until(self._end_s())
            self._sound.close()

    def _end_s(self) -> float:
        """When the last frame ends, in seconds of the output."""
        source = self._source
        if source.reached_end:  # the sound may well be longer than the pictures
            return math.inf
        return float(self._end_ticks * source.time_base)

    def _ticks(self, time_s: float) -> int:
        """Turn a frame's time into the output's own; exact, since a float holds 2⁵³ ticks."""
        source = self._source
        return source.origin_ticks + round(time_s / source.time_base) - self._zero_ticks


@contextmanager
def open_writer(path: Path, source: VideoFile, with_sound: bool = True) -> Iterator[VideoWriter]:
    """Open an MP4 for the annotated frames of `source`; its sound comes along.

    The file is written in fragments under a temporary name, so that even a cut power cord leaves
    what can be played; it takes its own name when the block ends, also on an error.

    Raises:
        RtlocError: writing fails, as when the disk is full.
    """
    partial = partial_name(path)
    with failures_named(path):
        keep_leftover(path)
        output = av.open(str(partial.absolute()), "w", options=MP4_OPTIONS)
    writer = VideoWriter(path, output, source, with_sound)
    try:
        yield writer
    finally:
        with failures_named(path):
            try:
                close(writer, output)
            finally:
                if writer.frames_written:
                    partial.replace(path)
                else:
                    partial.unlink(missing_ok=True)


def close(writer: VideoWriter, output: Any) -> None:
    """Write what is left, and close the file, even where that fails."""
    try:
        writer.finish()
    finally:
        output.close()


@contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Say of what the system or FFmpeg refuses which file it was for.

    Raises:
        RtlocError: instead of their errors.
    """
    try:
        yield
    except (OSError, FFmpegError) as error:
        raise RtlocError(f"cannot write {path}: {error.strerror}") from error


def copy_colours(source: Any, target: Any) -> None:
    """Say of the output's colours what the source says of its own, where both are YUV.

    The planes are kept, or go to BGR and back by the same matrix, so the tags stay true.
    """
    if "yuv" not in (source.pix_fmt or ""):
        return
    target.color_primaries = source.color_primaries
    target.color_trc = source.color_trc
    target.colorspace = source.colorspace
    target.color_range = av.video.reformatter.ColorRange.MPEG


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
