"""Where the frames of a measurement come from: made, out of a file, or from a camera."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle, islice
from pathlib import Path

import cv2
import numpy as np

from rtloc.capture import CameraMode, Source, as_bgr, open_capture
from rtloc.errors import RtlocError, UsageError
from rtloc.frame import Frame
from rtloc.video_file import open_video

SYNTHETIC = "synthetic"
USUAL_WH = (1280, 720)
HELD_FRAMES = 16
USUAL_FPS = 30.0


@contextmanager
def open_frames(name: str, size_wh: tuple[int, int] | None) -> Iterator[Iterator[Frame]]:
    """Give frames without end: of a file over and over, of a camera, or made ones.

    name: `synthetic`, a video file, or a camera or stream as for `rtloc webcam`; size_wh: of made
    frames, or what a camera is asked for.

    Raises:
        UsageError: a file has its own size, and one was asked for.
        RtlocError: the source cannot be read.
    """
    if name == SYNTHETIC:
        yield copies(made_frames(*(size_wh or USUAL_WH)))
    elif Path(name).is_file():
        if size_wh:
            raise UsageError(f"{name} has a size of its own; leave --size out")
        yield over_and_over(Path(name))
    else:
        source = Source(name, CameraMode(size_wh))
        capture = open_capture(source)
        try:
            yield from_camera(source.title, capture)
        finally:
            capture.release()


def made_frames(width: int, height: int) -> list[Frame]:
    """Make some frames, BGR: soft shapes and a camera's noise, always the same, without objects."""
    random = np.random.default_rng(0)
    frames = []
    for n in range(HELD_FRAMES):
        coarse = random.integers(0, 256, (9, 16, 3), np.uint8)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        noise = random.integers(0, 9, (height, width, 3), np.uint8)
        frames.append(Frame(cv2.add(smooth, noise).astype(np.uint8), n, n / USUAL_FPS))
    return frames


def copies(frames: list[Frame]) -> Iterator[Frame]:
    """Give copies of frames over and over, since each will be drawn on."""
    for index, frame in zip(count(), cycle(frames)):
        yield Frame(frame.pixels.copy(), index, index / USUAL_FPS)


def over_and_over(path: Path) -> Iterator[Frame]:
    """Decode a file again and again, on one thread, so that nothing is decoded ahead."""
    index = 0
    while True:
        with open_video(path, threads=1) as video:
            for frame in video.frames():
                yield Frame(frame.pixels, index, index / float(video.rate))
                index += 1


def from_camera(title: str, capture: cv2.VideoCapture) -> Iterator[Frame]:
    """Read a camera's frames as they come."""
    for index in count():
        read, image = capture.read()
        if not read:
            raise RtlocError(f"{title} has sent no more frames; is it still there?")
        yield Frame(as_bgr(image), index, index / USUAL_FPS)


def held(frames: Iterator[Frame]) -> list[Frame]:
    """Keep some frames in memory, from where they can come at any rate."""
    return list(islice(frames, HELD_FRAMES))
