"""Find picture files in folders, and decode them."""

import zlib
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
from cv2.typing import MatLike

from train.errors import TrainError
from train.exif import PNG_MARK

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


def files_below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Return the files in a folder, and in those in it, that end so, sorted; see `entries_of`.

    Links to folders are not followed: they may lead back.
    """
    inside = entries_of(folder)
    found = [one for one in inside if one.suffix.lower() in suffixes]
    for one in inside:
        if one.is_dir() and not one.is_symlink():
            found += files_below(one, suffixes)
    return sorted(found)


def decoded(path: Path, flags: int) -> MatLike | None:
    """Read a picture as cv2.imread does, whatever its name; None: it is none that OpenCV decodes.

    Raises:
        TrainError: the file cannot be read.
    """
    data = bytes_of(path)
    if not data or is_damaged_png(data):
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # such as one of more than 2³⁰ pixels
        return None


def bytes_of(path: Path) -> bytes:
    """Read a whole file.

    Raises:
        TrainError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrainError(f"cannot read {path}: {error.strerror}") from error


def is_damaged_png(data: bytes) -> bool:
    """Say whether a file is a PNG that libpng will not read: it would say so on stderr itself.

    Such a one is cut short, or a chunk that it cannot do without has another checksum than it says
    (https://www.w3.org/TR/png-3/#5Chunk-layout).
    """
    if not data.startswith(PNG_MARK):
        return False
    at = len(PNG_MARK)
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if end > len(data):
            return True
        if kind == b"IEND":
            return False
        checksum = int.from_bytes(data[end - 4 : end], "big")
        if kind[:1].isupper() and zlib.crc32(data[at + 4 : end - 4]) != checksum:
            return True
        at = end
    return True
