"""A live source, of which only the newest frame counts, and which comes back when it was lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

import cv2

from rtloc.capture import CameraMode, Source, as_bgr, mode_of, open_capture
from rtloc.errors import RtlocError
from rtloc.frame import Frame

CLOSE_TIMEOUT_S = 2.0
BROKEN_PICTURES = 10  # one after the other: the source is lost (at an end they take no time)
FIRST_PAUSE_S = 0.5  # before a lost source is opened again; doubled each time that it fails
LONGEST_PAUSE_S = 10.0
LOG = logging.getLogger(__name__)


class LiveSource:
    """Reads a source in a thread of its own and keeps only the newest frame.

    However slow the one that asks, the next frame it gets is the one that came last; those between
    are dropped, and counted in `dropped`. A source that is lost is opened again and again, with
    longer and longer pauses; `trouble` says so meanwhile, and the log once. A frame's time is when
    it came, in seconds since the source was opened; its index goes on when the source comes back.

    mode: in which the source really is; received: frames that came; losses: how often it was lost.
    """

    def __init__(
        self,
        source: Source,
        capture: cv2.VideoCapture | None,
        *,
        comes_back: bool,
        news: threading.Condition | None = None,
    ) -> None:
        """Begin to read; without a capture, as if the source had just been lost.

        news: is told of each frame, and may be shared with other sources.
        """
        self.source = source
        self.news = news or threading.Condition()
        self.mode = CameraMode() if capture is None else mode_of(capture)
        self.received = 0
        self.dropped = 0
        self.losses = 0
        self.trouble = None if capture is not None else f"{source.title} is not there yet"
        self.ended = False
        self._comes_back = comes_back
        self._pause_s = FIRST_PAUSE_S
        self._newest: Frame | None = None
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._started_s = time.perf_counter()
        self._thread = threading.Thread(target=self._grab, args=[capture], daemon=True)
        self._thread.start()

    def _grab(self, now: cv2.VideoCapture | None) -> None:
        """Read until the stream ends for good or `close` is called."""
        try:
            now = now or self._opened_again()
            while now is not None:
                self._read(now)
                now.release()
                now = self._opened_again() if self._comes_back else None
        except Exception as error:  # `take` raises it: this thread has nobody to tell
            self._error = error
        finally:
            with self.news:
                self.ended = True  # before `trouble`: whoever reads that it has ended finds it so
                if not self._stop.is_set():
                    self.trouble = f"{self.source.title} has ended"
                self.news.notify()

    def _read(self, capture: cv2.VideoCapture) -> None:
        """Take frames until there are no more."""
        failures = 0
        while not self._stop.is_set() and failures < BROKEN_PICTURES:
            read, image = capture.read()
            failures = 0 if read else failures + 1
            if not read:
                continue
            came_s = time.perf_counter() - self._started_s
            image = cv2.flip(image, 1) if self.source.mirrored else image
            frame = Frame(as_bgr(image), self.received, came_s)
            if self.trouble:
                LOG.info("%s is back", self.source.title)
            with self.news:
                self.received += 1
                self.dropped += self._newest is not None
                self._newest = frame
                self.trouble, self._pause_s = None, FIRST_PAUSE_S
                self.news.notify()

    def _opened_again(self) -> cv2.VideoCapture | None:
        """Open the lost source again, however long that takes; None where `close` was called."""
        if self._stop.is_set():
            return None
        self.losses += 1
        if not self.trouble:  # else it was opened again, and lost before a frame came
            LOG.warning("%s is lost; it is opened again until it is back", self.source.title)
        while True:
            pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
            self.trouble = f"{self.source.title} is lost; trying again in {pause_s:g} s"
            if self._stop.wait(pause_s):
                return None
            self.trouble = f"{self.source.title} is lost; opening it again"
            try:
                return open_capture(self.source)
            except RtlocError:
                continue

    @property
    def waits(self) -> bool:
        """Whether there is a frame that was not taken yet."""
        return self._newest is not None

    def take(self) -> Frame | None:
        """Return the newest frame, once each; None where there is none yet.

        What went wrong in the thread that reads, other than that the source is lost, is raised
        here.
        """
        with self.news:
            frame, self._newest = self._newest, None
            if frame is None and self._error is not None:
                raise self._error
            return frame

    def age_s(self, frame: Frame) -> float:
        """Return how long ago a frame came, in seconds."""
        return time.perf_counter() - self._started_s - frame.time_s

    def close(self) -> None:
        """Stop reading. A read that hangs is left to time out by itself."""
        self._stop.set()
        self._thread.join(CLOSE_TIMEOUT_S)


def newest_of(sources: Sequence[LiveSource], timeout_s: float) -> list[Frame | None]:
    """Wait until one of several sources that share `news` has a frame; take the newest of each."""
    with sources[0].news:
        sources[0].news.wait_for(
            lambda: any(one.waits for one in sources) or all(one.ended for one in sources),
            timeout_s,
        )
        return [one.take() for one in sources]
