"""Find picture files in folders, and decode them."""

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError

# folders that macOS and Synology's NAS put beside people's own
LITTER = {"__MACOSX", "@eaDir"}


def entries_of(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name, but for hidden files and litter.

    Raises:
        TrainError: it cannot be read, or a name in it is not UTF-8.
    """
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise TrainError(f"cannot read {folder}: {error.strerror}") from error
    kept = [one for one in inside if not one.name.startswith(".") and one.name not in LITTER]
    for one in kept:
        check_name(one)
    return kept


def check_name(path: Path) -> None:
    """Make sure that a name can be given to OpenCV, and written into a model file.

    Raises:
        TrainError: it is no UTF-8, as in some old archives.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise TrainError(f"the name {str(path)!a} is not UTF-8; rename it") from error


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files in a folder that end so, sorted by name; see `entries_of`."""
    return [one for one in entries_of(folder) if one.suffix.lower() in suffixes]


def folders_in(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted by name; see `entries_of`."""
    return [one for one in entries_of(folder) if one.is_dir()]


def decoded(path: Path, flags: int) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    """Read a picture as cv2.imread does, whatever its name; None: it is none that OpenCV decodes.

    Raises:
        TrainError: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TrainError(f"cannot read {path}: {error.strerror}") from error
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # such as one of more than 2³⁰ pixels
        return None
    if image is None or image.dtype != np.uint16:
        return None if image is None else image.astype(np.uint8, copy=False)
    return image.astype(np.uint16, copy=False)
