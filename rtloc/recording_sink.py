"""The sink that records a live run as an MP4, each frame at the time at which it came."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from rtloc.controls import Controls
from rtloc.detections import Detections
from rtloc.errors import RtlocError
from rtloc.files import partial_name
from rtloc.frame import Frame
from rtloc.growing import forget, growing_file
from rtloc.h264 import (
    LIVE_TICKS_PER_S,
    MP4_OPTIONS,
    even_wh,
    new_stream,
    planes_for,
    stamped,
)
from rtloc.live_stats import LiveStats

WAITING_FRAMES = 30
# An MP4 holds no gap of 2³¹ ticks, 6.6 hours; and each frame takes FFmpeg 71 bytes until its end.
LONGEST_S = 6 * 3600.0
Waiting = tuple[NDArray[np.uint8], float]  # BGR [H, W, 3]; when it came, in seconds
LOG = logging.getLogger(__name__)


class Recording:
    """An MP4 that is being written, in a thread of its own.

    Frames that the encoder has no time for are dropped, and counted in `dropped`: the view never
    waits. After six hours another file is begun. A file is written in fragments under a temporary
    name, so that what is there can be played even if the power fails.
    """

    def __init__(self, path: Path) -> None:
        """path: its name; where there is something already, a number comes behind it."""
        self.path = self._first_path = path
        self.dropped = 0
        self.written = 0
        self._failure: str | None = None
        self._frames: queue.Queue[Waiting | None] = queue.Queue(WAITING_FRAMES)
        self._all_taken = False
        self._thread = threading.Thread(target=self._run, name="recording")
        self._thread.start()

    def write(self, frame: Frame) -> None:
        """Give a frame to the encoder; its pixels are copied.

        Raises:
            RtlocError: the file cannot be written any more.
        """
        if self._failure:
            raise RtlocError(self._failure)
        if self._frames.full():
            self.dropped += 1
            return
        self._frames.put((frame.image.copy(), frame.time_s))

    def close(self) -> None:
        """Encode what is waiting, and give the file its name; say so where that failed."""
        self._frames.put(None)
        self._thread.join()
        if self._failure:
            LOG.warning("%s; recording has ended", self._failure)

    def _run(self) -> None:
        """Encode until the end; after a failure, frames are taken and forgotten."""
        try:
            first = self._take()
            while first is not None:
                first = self._fill_file(first)
        except RtlocError as error:
            self._failure = str(error)
        except (OSError, FFmpegError) as error:
            self._failure = f"cannot write {self.path}: {error.strerror}"
        finally:
            while not self._all_taken:
                self._take()

    def _take(self) -> Waiting | None:
        """Wait for the next frame; None at the end."""
        item = self._frames.get()
        self._all_taken = item is None
        return item

    def _fill_file(self, first: Waiting) -> Waiting | None:
        """Make a file, and say so; return the frame that the next one begins with, if any."""
        written, dropped = self.written, self.dropped
        with growing_file(self._first_path, beside=True) as self.path:
            partial = partial_name(self.path)
            try:
                following = self._encode(partial, first)
            finally:
                if self.written == written:
                    forget(partial)
        left_out = self.dropped - dropped
        lost = f"; {left_out} frames left out, the encoder was too slow" * bool(left_out)
        LOG.info("%s: %d frames%s", self.path, self.written - written, lost)
        return following

    def _encode(self, partial: Path, first: Waiting) -> Waiting | None:
        """Encode frames into a file, up to the end or to one that it is too long for."""
        item: Waiting | None = first
        first_s, last = first[1], -1
        with av.open(str(partial.absolute()), "w", options=MP4_OPTIONS) as output:
            size_wh = even_wh(first[0])
            stream = new_stream(output, size_wh)
            while item is not None and item[1] - first_s < LONGEST_S:
                image, time_s = item
                last = max(last + 1, round((time_s - first_s) * LIVE_TICKS_PER_S))
                picture = stamped(planes_for(image, size_wh), last, Fraction(1, LIVE_TICKS_PER_S))
                output.mux(stream.encode(picture))
                self.written += 1
                item = self._take()
            output.mux(stream.encode(None))
        return item


class RecordingSink:
    """Records while the controls want it; each time that it is switched on makes a file.

    name: returns the next file's name.
    """

    def __init__(self, controls: Controls, name: Callable[[], Path]) -> None:
        self._controls = controls
        self._name = name
        self._recording: Recording | None = None

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Record a frame, if that is wanted now; a full disk ends the recording alone."""
        if not self._controls.recording:
            self.close()
            return
        if self._recording is None:
            self._recording = Recording(self._name())
        try:
            self._recording.write(frame)
        except RtlocError:
            self._controls.recording = False
            self.close()

    def close(self) -> None:
        """End the recording, if there is one."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None
