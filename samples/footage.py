"""Backgrounds: a film slowed to any frame rate, a photo, and the camera that moves over them."""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import keyframes
import numpy as np
from numpy.typing import NDArray

FRAME_WH = (1280, 720)
CameraKey = tuple[float, float, float, float]

Image = NDArray[np.uint8]


class Background(Protocol):
    """What is seen behind the actors."""

    def at(self, time_s: float) -> Image:
        """Return the picture `time_s` seconds after the scene's start, uint8 [H, W, 3] BGR."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture that does not move."""

    image: Image

    def at(self, time_s: float) -> Image:
        """Return the picture, the same at any time."""
        return self.image


@dataclass(frozen=True, eq=False)
class Film:
    """A few seconds of film; between two of its frames the motion is interpolated.

    frames: uint8 [H, W, 3] BGR each; flows: for each frame but the last, the optical flow to the
    next frame and back, float32 [H, W, 2] each, in pixels.
    """

    frames: tuple[Image, ...]
    flows: tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
    frames_per_s: float

    def at(self, time_s: float) -> Image:
        """Return the picture at `time_s`, frames moved towards each other along their flow."""
        place = min(max(0.0, time_s * self.frames_per_s), len(self.frames) - 1.001)
        n, part = int(place), place - int(place)
        forth, back = self.flows[n]
        first = _moved(self.frames[n], part * part * back - (1 - part) * part * forth)
        second = _moved(self.frames[n + 1], (1 - part) ** 2 * forth - part * (1 - part) * back)
        return cv2.addWeighted(first, 1 - part, second, part, 0).astype(np.uint8, copy=False)


def read_photo(path: Path) -> Photo:
    """Read a photo.

    Raises:
        ValueError: it cannot be read.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"cannot read {path} as a picture")
    return Photo(image.astype(np.uint8, copy=False))


def read_film(path: Path, start_s: float, length_s: float) -> Film:
    """Read the part of a film that begins at `start_s`, and measure its optical flow.

    Raises:
        ValueError: it cannot be read, or ends too early.
    """
    film = cv2.VideoCapture(str(path))
    rate = film.get(cv2.CAP_PROP_FPS)
    if not film.isOpened() or rate <= 0:
        raise ValueError(f"cannot read {path} as a film")
    first, last = round(start_s * rate), round((start_s + length_s) * rate) + 1
    frames: list[Image] = []
    for n in range(last + 1):
        read, image = film.read()
        if not read:
            raise ValueError(f"{path} ends after {n} frames; {last + 1} are needed")
        if n >= first:
            frames.append(image.astype(np.uint8, copy=False))
    film.release()
    greys = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames]
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flows = tuple(
        (_flow(finder, one, other), _flow(finder, other, one))
        for one, other in itertools.pairwise(greys)
    )
    return Film(tuple(frames), flows, rate)


def camera_at(keys: tuple[CameraKey, ...], time_s: float) -> NDArray[np.float64]:
    """Return the 2×3 matrix from the scene's coordinates to the frame's, both in pixels.

    keys: (time in seconds, centre x, centre y, width) of the part of the scene that fills the
    frame. Whole numbers are pixel corners, so that a pixel's centre lies at a half.
    """
    centre_x, centre_y, width = keyframes.at(keys, time_s)
    scale = FRAME_WH[0] / width
    return np.array(
        [
            [scale, 0, FRAME_WH[0] / 2 - scale * centre_x],
            [0, scale, FRAME_WH[1] / 2 - scale * centre_y],
        ]
    )


def through_camera(image: Image, camera: NDArray[np.float64]) -> Image:
    """Cut out and enlarge what the camera sees, uint8 [720, 1280, 3]."""
    matrix = camera.copy()
    # OpenCV's whole numbers are pixel centres.
    matrix[:, 2] += 0.5 * (camera[:, 0] + camera[:, 1]) - 0.5
    seen = cv2.warpAffine(
        image, matrix, FRAME_WH, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return seen.astype(np.uint8, copy=False)


def _flow(
    finder: cv2.DISOpticalFlow, one: cv2.typing.MatLike, other: cv2.typing.MatLike
) -> NDArray[np.float32]:
    return finder.calc(one, other, np.zeros((*one.shape, 2), np.float32)).astype(np.float32)


def _moved(image: Image, offsets: NDArray[np.float32]) -> Image:
    """Take each pixel from its place plus its offset."""
    height, width = image.shape[:2]
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x = (columns + offsets[..., 0]).astype(np.float32)
    y = (rows + offsets[..., 1]).astype(np.float32)
    moved = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.uint8, copy=False)
