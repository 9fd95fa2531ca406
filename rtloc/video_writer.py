"""Write frames as an H.264 MP4 that browsers play, each at its own timestamp."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from rtloc.errors import RtlocError
from rtloc.files import partial_name
from rtloc.frame import Frame
from rtloc.growing import forget, growing_file
from rtloc.h264 import MP4_OPTIONS, even_wh, new_stream, planes_for, stamped
from rtloc.sound import SoundTrack, open_sound
from rtloc.video_file import VideoFile

LEAST_TICKS_PER_S = 10_000  # FFmpeg doubles those of a stream up to this
LONGEST_TICKS = 2**31 - 1
THREADS = "FRAME"  # several frames at once; slices of one, PyAV's own choice, leave cores idle


class VideoWriter:
    """An MP4 being written. Use `open_writer`."""

    def __init__(self, path: Path, output: Any, source: VideoFile) -> None:
        self.path = path
        self._output = output
        self._source = source
        self._stream: Any = None
        self._sound: SoundTrack | None = None
        self._zero_ticks = source.origin_ticks
        self._end_ticks = 0
        self._last_s = math.inf
        self._delay_ticks: int | None = None
        self._size_wh = (0, 0)
        self.frames_written = 0

    def write(self, frame: Frame) -> None:
        """Encode a frame at its own time; the first frame of a part of a file begins at 0.

        Raises:
            RtlocError: the disk is full, or so; or it comes too long after the last one.
        """
        if self._stream is None:
            self._begin(frame)
        planes = planes_for(frame.pixels, self._size_wh)
        self._check_gap(frame.time_s)
        ticks, time_base = self._ticks(frame.time_s), self._source.time_base
        length_s = frame.duration_s or 1 / self._source.rate
        self._end_ticks = ticks + round(length_s / time_base)
        with failures_named(self.path):
            if self._sound:
                self._sound.write_until(float(ticks * time_base))
            self._output.mux(self._encoded(stamped(planes, ticks, time_base)))
        self.frames_written += 1

    def _check_gap(self, time_s: float) -> None:
        """Make sure that an MP4 can hold the time since the last frame.

        Raises:
            RtlocError: it is too long.
        """
        last_s, self._last_s = self._last_s, time_s
        if time_s - last_s > longest_gap_s(self._source.time_base):
            raise RtlocError(
                f"{self._source.path} has no picture from {last_s:.2f} s to {time_s:.2f} s, "
                f"which is too long for an MP4; {self.path} ends there, and --start "
                f"{math.floor(time_s)} makes one of the rest"
            )

    def _begin(self, frame: Frame) -> None:
        """Add the streams, now that the size and the first timestamp are known."""
        source = self._source
        self._size_wh = even_wh(frame.pixels)
        cut = frame.index > 0
        if cut:
            self._zero_ticks = source.origin_ticks + round(frame.time_s / source.time_base)
        elif source.container.start_time is not None:  # sound may begin before the pictures
            start_s = Fraction(source.container.start_time, av.time_base)
            self._zero_ticks = round(start_s / source.time_base)
        stream = new_stream(self._output, self._size_wh, source.rate, source.time_base)
        stream.codec_context.thread_type = THREADS
        stream.codec_context.sample_aspect_ratio = source.pixel_aspect
        copy_colours(source.stream.codec_context, stream.codec_context)
        self._stream = stream
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
        if packets:
            end_track(packets, self._end_ticks, self._delay_ticks or 0)
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
def open_writer(path: Path, source: VideoFile, *, beside: bool = False) -> Iterator[VideoWriter]:
    """Open an MP4 for the annotated frames of `source`; its sound comes along.

    The file is written in fragments under a temporary name, so that even a cut power cord leaves
    what can be played; it takes its own name when the block ends, also on an error. beside: as of
    `growing_file`.

    Raises:
        RtlocError: writing fails, as when the disk is full.
    """
    with growing_file(path, beside=beside) as name:
        partial = partial_name(name)
        with failures_named(name):
            output = av.open(str(partial.absolute()), "w", options=MP4_OPTIONS)
        writer = VideoWriter(name, output, source)
        try:
            yield writer
        finally:
            try:
                with failures_named(name):
                    close(writer, output)
            finally:
                if not writer.frames_written:
                    forget(partial)


def end_track(packets: Sequence[Any], end_ticks: int, delay_ticks: int) -> None:
    """Let a track end when its last picture does, by the length of the packet decoded last.

    Any other packet lasts until the next is decoded, also the one shown last. Where that is not
    until its end, the one decoded last is shown until then.

    packets: the last ones, as they are decoded; delay_ticks: how far decoding runs ahead.
    """
    last = packets[-1]
    shown_until = (one.pts + after.dts - one.dts for one, after in pairwise(packets))
    if max(shown_until, default=0) < end_ticks:
        delay_ticks = min(delay_ticks, last.pts - last.dts)
    last.duration = max(1, end_ticks - delay_ticks - last.dts)


def longest_gap_s(time_base: Fraction) -> float:
    """Return for how many seconds the muxer lets one picture of a stream last."""
    ticks_per_s = time_base.denominator
    while ticks_per_s < LEAST_TICKS_PER_S:
        ticks_per_s *= 2
    return LONGEST_TICKS / ticks_per_s


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
