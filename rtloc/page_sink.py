"""The sink that keeps the newest frame as a JPEG, for all who look at the page."""

from __future__ import annotations

import math
import threading
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.controls import Controls
from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats

JPEG_QUALITY = 80


class PageSink:
    """Encodes the newest frame in a thread of its own, once for all viewers.

    viewers: how many look now; without any, nothing is encoded but snapshots.
    """

    def __init__(self, controls: Controls) -> None:
        self.viewers = 0
        self.jpeg = b""
        self.number = 0
        self.closed = False
        self._controls = controls
        self._shown: tuple[int, Detections, LiveStats] | None = None
        self._last: Frame | None = None
        self._newest: NDArray[np.uint8] | None = None
        self._news = threading.Condition()
        self._encoded = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self._thread.start()

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Take a frame; nothing changes it after this."""
        with self._news:
            self._shown = frame.index, detections, stats
            self._last = frame
            self._newest = frame.image if self.viewers or not self.jpeg else None
            self._news.notify()

    def begin_to_look(self) -> int:
        """Count a viewer, have the last frame encoded, and return what its JPEG's number is above.

        It may be the last for long: the camera is lost, or the viewer before has paused.
        """
        with self._news:
            self.viewers += 1
            self._newest = None if self._last is None else self._last.image
            self._news.notify()
            return self.number

    def _run(self) -> None:
        """Encode whatever is the newest, again and again."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._newest is not None or self.closed)
                image, self._newest = self._newest, None
            if image is None:
                return
            jpeg = jpeg_of(image)
            with self._encoded:
                self.jpeg = jpeg
                self.number += 1
                self._encoded.notify_all()

    def next_jpeg(self, after: int, timeout_s: float) -> tuple[bytes, int]:
        """Return the newest JPEG and its number once that is above `after`, or in time the old."""
        with self._encoded:
            self._encoded.wait_for(lambda: self.number > after or self.closed, timeout_s)
            return self.jpeg, self.number

    def snapshot(self) -> bytes | None:
        """Encode the last frame here and now; None where there is none yet."""
        return None if self._last is None else jpeg_of(self._last.image)

    def state(self) -> dict[str, Any]:
        """Return the figures, what was found, and the controls, ready for JSON."""
        controls = self._controls
        return {
            **self._shown_state(),
            "engine": controls.localizer.engine,
            "threshold": controls.threshold,
            "classes": [
                {"label": label, "shown": n not in controls.hidden}
                for n, label in enumerate(controls.labels)
            ],
            "paused": controls.paused,
            "recording": controls.recording,
            "viewers": self.viewers,
        }

    def _shown_state(self) -> dict[str, Any]:
        """Return what is known of the last frame and of the run so far."""
        if self._shown is None:
            return {"figures": {}, "message": None}
        index, detections, stats = self._shown
        rows = zip(detections.class_ids.tolist(), detections.scores.tolist(), strict=True)
        figures = stats.figures().items()
        return {
            "index": index,
            "found": [{"label": stats.labels[n], "score": round(score, 3)} for n, score in rows],
            # JSON knows no NaN
            "figures": {name: None if math.isnan(value) else value for name, value in figures},
            "message": stats.trouble,
        }

    def close(self) -> None:
        """Let all viewers go."""
        self.closed = True
        for condition in (self._news, self._encoded):
            with condition:
                condition.notify_all()
        self._thread.join()


def jpeg_of(image: NDArray[np.uint8]) -> bytes:
    """Encode a picture, uint8 [H, W, 3] BGR."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
