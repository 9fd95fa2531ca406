"""Load the backgrounds that cut-outs are pasted on: photos, and frames of films."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError
from train.names import left_out, note_of, note_of_unused
from train.picture_file import check_name, decoded, files_in

# of a damaged film our own error tells; OpenCV looks here when it opens its first film
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
PHOTO_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
FILM_SUFFIXES = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"}
PHOTO_USE = "a photo is a JPEG, PNG, WebP, TIFF, GIF or BMP in the folder itself"
LONGEST_SIDE_PX = 640
SMALLEST_SIDE_PX = 64
MOST_FRAMES = 200  # of one film
MOST_PHOTOS = 2000  # of one folder: up to 2 GB
FEW = 20  # backgrounds: fewer are worth a warning
FAR = 100  # frames: to skip more of them, seeking is faster than decoding
Image = NDArray[np.uint8]
Thing = TypeVar("Thing")


@dataclass(frozen=True, eq=False)
class Backgrounds:
    """uint8 [H, W, 3] BGR each, of at most 640 px a side: photos, and the frames of each film.

    notes: what was left out, a line each.
    """

    photos: list[Image]
    films: list[list[Image]]
    notes: tuple[str, ...] = ()


def load_photos(path: Path) -> list[Image]:
    """Read backgrounds as `load_backgrounds` does: the photos, then the films' frames."""
    return all_of(load_backgrounds(path))


def all_of(backgrounds: Backgrounds) -> list[Image]:
    """Return the photos, then the films' frames."""
    return [*backgrounds.photos, *(frame for film in backgrounds.films for frame in film)]


def load_backgrounds(path: Path, unlike: Collection[str] = ()) -> Backgrounds:
    """Read the photos and films in a folder, sorted by name, or one film.

    Photos that are named like a label in `unlike` are left out, and some where they are too many.

    Raises:
        TrainError: nothing is there, or something is unreadable or too small.
    """
    if path.is_file() and path.suffix.lower() not in PHOTO_SUFFIXES:
        return Backgrounds([], [film_frames(path)])
    if not path.is_dir():
        state = "is one photo" if path.exists() else "does not exist"
        raise TrainError(f"no folder of photos at {path}: it {state}; name a folder, or a video")
    every = files_in(path, PHOTO_SUFFIXES)
    like = left_out(every, unlike)
    wanted = [one for one in every if one not in like]
    photos = [read_photo(one) for one in spread(wanted, MOST_PHOTOS)]
    films = [film_frames(one) for one in files_in(path, FILM_SUFFIXES)]
    if not photos and not films:
        raise TrainError(f"no photos in {path}; put some JPEG or PNG files or a video there")
    notes = [note_of(like, "photos"), note_of_unused(path, PHOTO_SUFFIXES, {1}, PHOTO_USE)]
    if len(photos) < len(wanted):
        notes.append(f"only {len(photos)} of the {len(wanted)} photos in {path} are used")
    return Backgrounds(photos, films, tuple(note for note in notes if note is not None))


def spread(things: Sequence[Thing], most: int) -> list[Thing]:
    """Return at most so many of some things, spread evenly over them."""
    count = min(most, len(things))
    return [things[n * len(things) // count] for n in range(count)]


def read_photo(path: Path) -> Image:
    """Read one photo.

    Raises:
        TrainError: it cannot be read, or is too small.
    """
    image = decoded(path, cv2.IMREAD_COLOR)
    if image is None:
        raise TrainError(f"cannot read {path} as a picture; mend or remove it")
    if min(image.shape[:2]) < SMALLEST_SIDE_PX:
        raise TrainError(f"{path} is smaller than {SMALLEST_SIDE_PX} px; remove it")
    return shrunk(image, LONGEST_SIDE_PX)


def film_frames(path: Path) -> list[Image]:
    """Read frames spread evenly over a film, at most `MOST_FRAMES`.

    Raises:
        TrainError: it cannot be read, or is too small.
    """
    check_name(path)
    film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames: list[Image] = []
    # the number of frames that a film claims is a guess in some formats, and in some missing
    claimed = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    at, step = 0, max(1, -(-claimed // MOST_FRAMES))
    while film.grab():
        whole, image = film.retrieve()
        if whole:
            frames.append(shrunk(image, LONGEST_SIDE_PX))
        if len(frames) > MOST_FRAMES:
            frames, step = frames[::2], 2 * step
        at += step
        if step <= FAR:
            for _ in range(step - 1):
                film.grab()
        elif at >= claimed or not film.set(cv2.CAP_PROP_POS_FRAMES, at):
            break
    film.release()
    if not frames:
        raise TrainError(f"cannot read {path} as a video; mend or remove it")
    if min(frames[0].shape[:2]) < SMALLEST_SIDE_PX:
        raise TrainError(f"{path} is smaller than {SMALLEST_SIDE_PX} px; remove it")
    return frames


def shrunk(image: cv2.typing.MatLike, longest_px: int) -> Image:
    """Shrink a picture until its longer side is `longest_px`, unless it is smaller."""
    scale = min(1.0, longest_px / max(image.shape[:2]))
    if scale < 1:
        height, width = (max(1, round(scale * side)) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image, np.uint8)


def warning_of_few(photos: Sequence[Image], path: Path) -> str | None:
    """Say that so few backgrounds to train on may be too few, or return None."""
    if len(photos) >= FEW:
        return None
    return (
        f"only {len(photos)} backgrounds in {path} to train on; a model may learn them by heart, "
        "so give fifty or more"
    )
