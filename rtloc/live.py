"""A live source, of which only the newest frame counts: a camera or a stream."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.errors import RtlocError, UsageError
from rtloc.frame import Frame

CAMERA_INDEX = "[0-9]{1,4}"
OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 10_000
CLOSE_TIMEOUT_S = 2.0


class LiveSource:
    """Reads a capture in a thread of its own and keeps only the newest frame.

    However slow the one that asks, the next frame it gets is the one that came last; those between
    are dropped, and counted in `dropped`.
    """

    def __init__(self, capture: cv2.VideoCapture, name: str) -> None:
        self.name = name
        self.dropped = 0
        self.ended = False
        self._capture = capture
        self._newest: Frame | None = None
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._grab, daemon=True)
        self._thread.start()

    def _grab(self) -> None:
        """Read until the stream ends or `close` is called."""
        started = time.perf_counter()
        index = 0
        while not self._stop.is_set():
            read, image = self._capture.read()
            if not read:
                break
            frame = Frame(as_bgr(image), index, time.perf_counter() - started)
            index += 1
            with self._news:
                self.dropped += self._newest is not None
                self._newest = frame
                self._news.notify()
        self._capture.release()
        with self._news:
            self.ended = True
            self._news.notify()

    def newest(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, once each; None where none comes in time or the stream ended."""
        with self._news:
            self._news.wait_for(lambda: self._newest is not None or self.ended, timeout_s)
            frame, self._newest = self._newest, None
            return frame

    def close(self) -> None:
        """Stop reading. A read that hangs is left to time out by itself."""
        self._stop.set()
        self._thread.join(CLOSE_TIMEOUT_S)


@contextmanager
def open_live(source: str) -> Iterator[LiveSource]:
    """Open a camera by its index or device path, or a stream by its URL.

    Raises:
        UsageError: the source is a file.
        RtlocError: the camera or the stream does not open.
    """
    # OpenCV and its FFmpeg speak to stderr by themselves; our own one line is enough
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if re.fullmatch(CAMERA_INDEX, source):
        capture = cv2.VideoCapture(int(source))
        mend = "plug one in, or name another by its index or a URL"
        failure = f"camera {source} cannot be opened; {mend}"
    elif "://" in source:
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            OPEN_TIMEOUT_MS,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            READ_TIMEOUT_MS,
        ]
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
        failure = f"the stream {source} cannot be opened; check its address and that it is on air"
    elif Path(source).is_file():
        raise UsageError(f"{source} is a file; use `rtloc video {source}`")
    else:
        capture = cv2.VideoCapture(source)
        failure = f"no camera or stream {source!r}; give a camera's index, device path or URL"
    if not capture.isOpened():
        raise RtlocError(failure)
    live = LiveSource(capture, source)
    try:
        yield live
    finally:
        live.close()


def as_bgr(image: Any) -> NDArray[np.uint8]:
    """Give a grey picture, as some cameras send, three channels."""
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)
