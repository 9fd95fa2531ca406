"""Read a video file frame by frame, with the exact timestamps of the file.

PyAV decodes (https://pyav.basswood-io.com): unlike OpenCV's capture it gives the file's own time
base and seeks exactly. OpenCV turns the planes into BGR, which it does faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError, InvalidDataError
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from rtloc.errors import RtlocError, UsageError
from rtloc.frame import Frame

CAN_BE_SHORT = 1.5  # frames by which a container's own count or duration may be wrong


@dataclass
class VideoFile:
    """An open video file.

    rate: average frames per second; time_base: seconds per tick of its timestamps; duration_s and
    total_frames: as the file says, None where it does not; damaged_packets: left out so far.
    """

    path: Path
    rate: Fraction
    time_base: Fraction
    duration_s: float | None
    duration_is_exact: bool
    total_frames: int | None
    container: Any
    stream: Any
    origin_ticks: int = 0
    last_time_s: float = 0.0
    frames_read: int = 0
    damaged_packets: int = 0
    reached_end: bool = False

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Yield the frames from `start_s` to before `end_s`, counted from the file's first frame.

        Damaged packets are left out and counted.

        Raises:
            RtlocError: not one frame could be decoded.
        """
        index = self._seek(start_s) if start_s > 0 else 0
        for picture in self._pictures():
            time_s = float((picture.pts - self.origin_ticks) * self.time_base)
            self.last_time_s = time_s
            if end_s is not None and time_s >= end_s:
                return
            self.frames_read += 1
            if time_s >= start_s - float(self.time_base) / 2:
                yield Frame(to_bgr(picture), index, time_s)
            index += 1
        self.reached_end = True
        if not self.frames_read and start_s <= 0:
            raise RtlocError(f"no frame of {self.path} can be decoded; the file is damaged")

    def _pictures(self) -> Iterator[Any]:
        """Decode packet after packet; a damaged one costs its own frames only."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                for picture in packet.decode():
                    if picture.pts is not None:
                        yield picture
            except InvalidDataError:
                self.damaged_packets += 1
            except FFmpegError:  # reading itself fails: nothing comes after this
                self.damaged_packets += 1
                return

    def _seek(self, start_s: float) -> int:
        """Go to the last key frame before `start_s`; return how many frames lie before it."""
        start = self.origin_ticks + int(start_s / self.time_base)
        stamps: list[int] = []
        key = None
        for packet in self.container.demux(self.stream):
            if packet.pts is None:
                continue
            if packet.is_keyframe:
                if packet.pts > start:
                    break
                key = packet.pts
            stamps.append(packet.pts)
        if key is None:
            self.container.seek(0, stream=self.stream)
            return 0
        self.container.seek(key, stream=self.stream)
        return sum(stamp < key for stamp in stamps)

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
        frame_s = float(1 / self.rate)
        missing_s = (self.duration_s or 0.0) - (self.last_time_s + frame_s)
        if (
            self.reached_end
            and self.duration_is_exact
            and missing_s > max(CAN_BE_SHORT * frame_s, 0.2)
        ):
            parts.append(
                f"it is cut short: {self.last_time_s + frame_s:.2f} s of {self.duration_s:.2f} s "
                "could be read"
            )
        return f"{self.path}: " + "; ".join(parts) if parts else None


@contextmanager
def open_video(path: Path) -> Iterator[VideoFile]:
    """Open a video file.

    Raises:
        UsageError: there is no such file.
        RtlocError: it is empty, cannot be read as a video, or has no picture.
    """
    if not path.exists():
        raise UsageError(f"no such file: {path}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a video file")
    if not path.stat().st_size:
        raise RtlocError(f"{path} is empty")
    try:
        container = av.open(str(path))
    except (FFmpegError, OSError) as error:
        reason = error.strerror or type(error).__name__
        raise RtlocError(f"{path} cannot be read as a video: {reason}") from error
    with container:
        streams = [s for s in container.streams.video if not is_cover(s)]
        if not streams:
            what = "only sound" if container.streams.audio else "no pictures"
            raise RtlocError(f"{path} has no video in it, {what}")
        stream = streams[0]
        stream.thread_type = "AUTO"
        yield describe(path, container, stream)


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
        duration_s = container.duration / av.time_base
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
        origin_ticks=stream.start_time or 0,
    )


def to_bgr(picture: Any) -> NDArray[np.uint8]:
    """Turn a decoded picture into uint8 [H, W, 3] BGR, upright as its rotation says."""
    if picture.width % 2 or picture.height % 2:
        image = picture.to_ndarray(format="bgr24")
    else:
        if picture.format.name != "yuv420p" or picture.color_range == ColorRange.JPEG:
            picture = picture.reformat(format="yuv420p", dst_color_range=ColorRange.MPEG)
        planes = picture.to_ndarray()
        image = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    quarter_turns = round(picture.rotation / 90) % 4
    if quarter_turns:
        image = np.ascontiguousarray(np.rot90(image, quarter_turns))
    return image  # type: ignore[no-any-return]
