"""Read a video file frame by frame, with the exact timestamps of the file.

PyAV decodes (https://pyav.basswood-io.com): unlike OpenCV's capture it gives the file's own time
base and the planes as they are, and seeks exactly.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from rtloc.addresses import without_password
from rtloc.errors import RtlocError, UsageError
from rtloc.frame import Frame
from rtloc.show_clock import ShowClock
from rtloc.upright import UNKNOWN_ASPECT, is_mirrored, pixel_aspect, pixels_of

ROUNDING_S = 1e-6
CAN_BE_SHORT = 1.5  # frames by which a container's own count or duration may be wrong


@dataclass
class VideoFile:
    """An open video file.

    rate: average frames per second; time_base: seconds per tick of its timestamps; duration_s and
    total_frames: as the file says, None where it does not; origin_ticks: the first frame's time,
    and pixel_aspect: the width of a frame's pixel by its height, 0 where the file does not say,
    both known once a frame is read; read_until_s: when the last frame read ends; damaged_packets:
    left out so far; reached_end: of the file, passed_end: of the part that was asked for.
    """

    path: Path
    rate: Fraction
    time_base: Fraction
    duration_s: float | None
    duration_is_exact: bool
    total_frames: int | None
    container: Any
    stream: Any
    clock: ShowClock
    origin_ticks: int = 0
    pixel_aspect: Fraction = UNKNOWN_ASPECT
    read_until_s: float = 0.0
    frames_read: int = 0
    damaged_packets: int = 0
    reached_end: bool = False
    passed_end: bool = False
    _packets: Iterator[Any] = field(default_factory=lambda: iter(()))
    _first_ticks: float = -math.inf

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Yield the frames from `start_s` to before `end_s`, counted from the file's first frame.

        Damaged packets are left out and counted.

        Raises:
            RtlocError: not one frame could be decoded, or it cannot be read from `start_s` on.
        """
        end_s = math.inf if end_s is None else end_s
        self._packets = self.container.demux(self.stream)
        index = self._seek(start_s) if start_s > 0 else 0
        mirrored = False
        for ticks, picture in self._pictures():
            if not self.frames_read:
                self.pixel_aspect = pixel_aspect(self.stream, picture.rotation)
                mirrored = is_mirrored(picture)
            if not self.frames_read and not index:
                self.origin_ticks = ticks
            time_s = float((ticks - self.origin_ticks) * self.time_base)
            length_s = float(picture.duration * self.time_base or 1 / self.rate)
            # an MP4 gives the length of the last picture to the one that is decoded last
            self.read_until_s = max(self.read_until_s, time_s + length_s)
            if time_s >= end_s:
                self.passed_end = True
                return
            self.frames_read += 1
            if time_s >= start_s - ROUNDING_S:
                length_s = min(self.read_until_s, end_s) - time_s
                yield Frame(pixels_of(picture, mirrored), index, time_s, length_s)
            index += 1
        self.reached_end = True
        if not self.frames_read and start_s <= 0:
            raise RtlocError(f"no frame of {self.path} can be decoded; the file is damaged")

    def _pictures(self) -> Iterator[tuple[int, Any]]:
        """Decode packet after packet, each picture with its time; damage costs its own ones only.

        Times always rise: where the file has none for a picture, or one that lies behind the last,
        it comes a frame after that one.
        """
        frame_ticks = max(1, round(1 / (self.rate * self.time_base)))
        last = None
        for packet in self._readable():
            try:
                pictures = packet.decode()
            except FFmpegError:
                self.damaged_packets += 1
                self.clock.forget(packet)
                continue
            for picture in pictures:
                ticks = self.clock.show_ticks(picture)
                if last is not None and (ticks is None or ticks <= last):
                    ticks = last + frame_ticks
                last = ticks or 0
                if last >= self._first_ticks:
                    yield last, picture

    def _readable(self) -> Iterator[Any]:
        """Yield the packets up to where reading fails."""
        for packet in iter(self._next, None):
            self.clock.sent(packet)
            yield packet

    def _next(self) -> Any:
        """Return the next packet; None at the end, and where reading fails."""
        try:
            return next(self._packets, None)
        except FFmpegError:  # nothing comes after this
            self.damaged_packets += 1
            return None

    def _seek(self, start_s: float) -> int:
        """Go to the last key frame up to `start_s`; return how many frames lie before it.

        Where the container does not lead there, the frames before are decoded as well. Packets to
        be discarded are those that an edit list cuts off, as of a trimmed MP4: they are decoded for
        the ones behind them alone.
        """
        key: Any = None
        stamps: list[int] = []
        first = math.inf
        for packet in iter(self._next, None):
            if packet.pts is None:
                continue
            if not packet.is_discard:
                first = min(first, packet.pts)
            if packet.is_keyframe:
                if packet.pts > first + start_s / self.time_base:
                    break
                key = packet
            if not packet.is_discard:
                stamps.append(packet.pts)
        if key is None or not stamps or not self.clock.keeps_show_times:
            self._go_to(self.stream.start_time or 0)
            return 0
        self._go_to(key.pts if key.dts is None else key.dts)
        found = next((one for one in iter(self._next, None) if one.pts == key.pts), None)
        if found is None:
            self._go_to(self.stream.start_time or 0)
            return 0
        self._packets = itertools.chain([found], self._packets)
        self._first_ticks = key.pts
        self.origin_ticks = min(stamps)
        return sum(stamp < key.pts for stamp in stamps)

    def _go_to(self, ticks: int) -> None:
        """Move reading to a time, or before it.

        Raises:
            RtlocError: that is not possible in this file.
        """
        try:
            self.container.seek(ticks, stream=self.stream)
        except FFmpegError as error:
            raise RtlocError(
                f"{self.path} can only be read from its beginning on ({error.strerror}); "
                "leave --start out, or convert it to an MP4 first"
            ) from error
        self._packets = self.container.demux(self.stream)
        self.damaged_packets = 0

    def expected_frames(self, start_s: float, end_s: float | None) -> int | None:
        """Estimate how many frames lie between two times, or None where the file does not say."""
        if start_s <= 0 and end_s is None and self.total_frames:
            return self.total_frames
        if self.duration_s is None:
            return None
        end = self.duration_s if end_s is None else min(end_s, self.duration_s)
        return max(0, round((end - start_s) * self.rate))

    def loss(self) -> str | None:
        """Say what of the file could not be read, or None if all of it was."""
        parts = []
        if self.damaged_packets:
            parts.append(f"{self.damaged_packets} damaged packets were left out")
        missing_s = (self.duration_s or 0.0) - self.read_until_s
        if (
            self.reached_end
            and self.duration_is_exact
            and missing_s > max(CAN_BE_SHORT / self.rate, 0.2)
        ):
            parts.append(
                f"it is cut short: {self.read_until_s:.2f} s of {self.duration_s:.2f} s "
                "could be read"
            )
        return f"{self.path}: " + "; ".join(parts) if parts else None


def no_file(name: str) -> str:
    """Say that there is no such file, and what takes it if it is a camera or a stream."""
    # a Path has one slash only, on Windows another one
    if stream := re.fullmatch(r"([A-Za-z]{2,}:)[/\\]+(.*)", name):
        rest = stream[2].replace("\\", "/")
        name = without_password(f"{stream[1]}//{rest}")
    if stream or name.isdecimal():
        return f"no such file: {name}; rtloc webcam takes cameras and streams"
    return f"no such file: {name}"


@contextmanager
def open_video(path: Path, threads: int = 0) -> Iterator[VideoFile]:
    """Open a video file; `threads` decode it, 0: as many as FFmpeg chooses.

    Raises:
        UsageError: there is no such file, or it is a pipe, say.
        RtlocError: it is empty, cannot be read as a video, or has no picture.
    """
    if not path.exists():
        raise UsageError(no_file(str(path)))
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a video file")
    if not path.is_file():
        raise UsageError(
            f"{path} is a pipe or a device, in which nothing can be searched; name a file"
        )
    if not path.stat().st_size:
        raise RtlocError(f"{path} is empty")
    try:
        container = open_input(path)
    except (FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise RtlocError(f"{path} cannot be read as a video: {reason}") from error
    with container:
        streams = [s for s in container.streams.video if not is_cover(s)]
        if not streams:
            what = "only sound" if container.streams.audio else "no pictures"
            raise RtlocError(f"{path} has no video in it, {what}")
        stream = streams[0]
        if stream.codec_context is None:
            raise RtlocError(
                f"the pictures of {path} are of a kind that cannot be decoded; convert them first"
            )
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        yield describe(path, container, stream)


def open_input(path: Path) -> Any:
    """Open a file with FFmpeg, whatever its tags are written in.

    Raises:
        FFmpegError: it cannot be read.
    """
    # FFmpeg takes what stands before a colon for a protocol, unless a path comes first
    return av.open(str(path.absolute()), metadata_errors="replace")


def is_cover(stream: Any) -> bool:
    """Say whether a video stream is a picture attached to a sound file."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def describe(path: Path, container: Any, stream: Any) -> VideoFile:
    """Gather what the container says of the video stream."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    is_exact = stream.duration is not None
    duration_s = None
    if is_exact:
        duration_s = float(stream.duration * stream.time_base)
    elif container.duration is not None:  # of the longest stream, which may be the sound
        # Matroska counts from 0, whenever its first frame comes
        begins = container.start_time if "matroska" in container.format.name else 0
        duration_s = (container.duration - max(0, begins or 0)) / av.time_base
        is_exact = len(container.streams) == 1
    return VideoFile(
        path=path,
        rate=Fraction(rate),
        time_base=Fraction(stream.time_base),
        duration_s=duration_s,
        duration_is_exact=is_exact,
        total_frames=stream.frames or None,
        container=container,
        stream=stream,
        clock=ShowClock(container.format.name != "avi"),
    )
