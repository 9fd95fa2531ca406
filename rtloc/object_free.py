"""Real pictures in which nothing is to be found: a video's frames, or a folder's pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtloc.pictures import SUFFIXES, find_pictures, read_picture
from rtloc.video_file import open_video


def check_object_free(path: Path) -> None:
    """Make sure that there is a video, a picture or a folder of pictures at `path`.

    Raises:
        UsageError: there is none.
        RtlocError: a picture or the video cannot be read.
    """
    if holds_pictures(path):
        for picture in find_pictures([path]):
            read_picture(picture)
        return
    with open_video(path):
        pass


def holds_pictures(path: Path) -> bool:
    """Say whether a path is a picture or a folder, or nothing is there; otherwise it is a video."""
    return path.is_dir() or path.suffix.lower() in SUFFIXES or not path.exists()


def object_free(path: Path) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the name of each frame or picture, and the picture, uint8 [H, W, 3] BGR.

    Raises:
        RtlocError: a picture or the video cannot be read.
    """
    if holds_pictures(path):
        for picture in find_pictures([path]):
            yield picture.name, read_picture(picture)
        return
    with open_video(path) as video:
        for frame in video.frames():
            yield f"{path.name}, {frame.time_s:.1f} s", frame.image
