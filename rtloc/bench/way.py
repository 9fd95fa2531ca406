"""The whole way of a frame, one stage after the other on one thread, each of them timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av

from rtloc.bench.samples import Laps
from rtloc.detections import Detections
from rtloc.frame import Frame, size_wh
from rtloc.h264 import LIVE_RATE, MP4_OPTIONS, even_wh, new_stream, planes_for, stamped
from rtloc.localizer import Localizer
from rtloc.overlay import draw
from rtloc.track import Tracker


class Encoder:
    """Encodes frames as a live recording does. Use `open_encoder`."""

    def __init__(self, output: Any, threads: int) -> None:
        self._output = output
        self._threads = threads
        self._stream: Any = None
        self._size_wh = (0, 0)
        self._written = 0  # frames: what is measured anew begins with the first ones again

    def write(self, frame: Frame) -> None:
        """Encode a frame; the encoder's own threads may still be at it afterwards."""
        if self._stream is None:
            self._size_wh = even_wh(frame.pixels)
            self._stream = new_stream(self._output, self._size_wh)
            self._stream.codec_context.thread_count = self._threads
        planes = planes_for(frame.pixels, self._size_wh)
        self._output.mux(self._stream.encode(stamped(planes, self._written, 1 / LIVE_RATE)))
        self._written += 1


@contextmanager
def open_encoder(threads: int = 0) -> Iterator[Encoder]:
    """Open an encoder into a file that is thrown away; threads: 0: as many as it chooses."""
    with TemporaryDirectory(prefix="rtloc") as folder:
        path = Path(folder) / "bench.mp4"
        with av.open(str(path), "w", options=MP4_OPTIONS) as output:
            yield Encoder(output, threads)


@dataclass
class Way:
    """What happens to frames, and how long each stage of it took.

    batch: frames that are located together; encoder: None leaves that stage out; laps: in them a
    sample is of `batch` frames.
    """

    localizer: Localizer
    frames: Iterator[Frame]
    batch: int = 1
    tracker: Tracker | None = None
    encoder: Encoder | None = None
    laps: Laps = field(default_factory=Laps)

    def go(self) -> float:
        """Take the next frames all the way; return how many seconds that took."""
        self.laps.begin()
        frames = list(islice(self.frames, self.batch))
        self.laps("capture")
        found = self.localizer.locate_frames(frames, self.laps)
        if self.tracker is not None:
            found = self._tracked(self.tracker, frames, found)
            self.laps("track")
        for frame, detections in zip(frames, found, strict=True):
            draw(frame.pixels, detections, self.localizer.info.labels)
        self.laps("draw")
        if self.encoder is not None:
            for frame in frames:
                self.encoder.write(frame)
            self.laps("encode")
        return self.laps.end()

    def _tracked(
        self, tracker: Tracker, frames: list[Frame], found: list[Detections]
    ) -> list[Detections]:
        pairs = zip(frames, found, strict=True)
        return [tracker.update(some, frame.time_s, size_wh(frame.pixels)) for frame, some in pairs]

    def go_on(self, seconds: float, frames: int | None = None) -> float:
        """Go as fast as possible for some time, or for a number of frames; return the seconds."""
        began_s = now_s = time.perf_counter()
        done = 0
        while done < frames if frames else now_s - began_s < seconds:
            self.go()
            done += self.batch
            now_s = time.perf_counter()
        return now_s - began_s
