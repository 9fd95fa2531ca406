"""Read and write picture files."""

from collections.abc import Iterable, Iterator
from glob import has_magic
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.errors import RtlocError, UsageError
from rtloc.files import whole_file

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
KEPT_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}
MARK = ".rtloc"


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Return the picture files, each once: the path itself, or the pictures in it if a folder.

    Annotated copies from earlier runs are left out of folders, and where the original is there.

    Raises:
        UsageError: a path does not exist or cannot be read, or a folder has no pictures.
    """
    found: list[Path] = []
    for path in matching(paths):
        try:
            found += pictures_at(path)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
    originals = {path.with_suffix("") for path in found}
    return [path for path in dict.fromkeys(found) if not is_copy_of(path, originals)]


def matching(paths: Iterable[Path]) -> Iterator[Path]:
    """Put in the place of a pattern, such as *.jpg, what it matches: Windows leaves that to us."""
    for path in paths:
        is_pattern = has_magic(path.name) and not path.exists()
        yield from (is_pattern and sorted(path.parent.glob(path.name))) or [path]


def pictures_at(path: Path) -> list[Path]:
    """Return the path itself or, where it is a folder, the pictures in it."""
    if not path.exists():
        raise UsageError(f"no such file or folder: {path}")
    if not path.is_dir():
        return [path]
    inside = sorted(
        p
        for p in path.iterdir()
        if p.suffix.lower() in SUFFIXES and not p.stem.endswith(MARK) and p.is_file()
    )
    if not inside:
        raise UsageError(f"no pictures in {path}; rtloc reads {', '.join(sorted(SUFFIXES))}")
    return inside


def is_copy_of(path: Path, originals: set[Path]) -> bool:
    """Tell whether a path is that of the annotated copy of one of the pictures (less suffix)."""
    name = path.stem
    return name.endswith(MARK) and path.with_name(name.removesuffix(MARK)) in originals


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as uint8 [H, W, 3] BGR, turned upright as its EXIF data says.

    Raises:
        RtlocError: the file cannot be read or is no picture.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise RtlocError(f"cannot read {path}: {error.strerror}") from error
    try:
        usable = len(data) > 0 and not is_cut_short(data)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if usable else None
    except cv2.error as error:  # such as one of more than 2³⁰ pixels
        raise RtlocError(f"{path} is a picture that OpenCV does not read: {error.err}") from error
    if image is None:
        state = "is no picture that OpenCV reads" if len(data) else "is empty"
        raise RtlocError(f"{path} {state}")
    return image.astype(np.uint8, copy=False)


def is_cut_short(data: NDArray[np.uint8]) -> bool:
    """Say whether a file, uint8 [N], is a PNG without an end: libpng itself tells on stderr."""
    return data[:6].tobytes() == b"\x89PNG\r\n" and b"IEND" not in data.tobytes()


def write_picture(path: Path, image: NDArray[np.uint8], jpeg_quality: int | None = None) -> None:
    """Write a picture, uint8 [H, W, 3] BGR or [H, W, 4] BGRA, in the format of the path's ending.

    jpeg_quality: of 100; None leaves it to OpenCV.

    Raises:
        RtlocError: it cannot be written there.
    """
    options = [] if jpeg_quality is None else [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    written, data = cv2.imencode(path.suffix, image, options)
    if not written:
        raise RtlocError(f"cannot encode {path}")
    with whole_file(path) as partial:
        partial.write_bytes(data.tobytes())


def annotated_names(pictures: Iterable[Path], folder: Path) -> list[Path]:
    """Name an annotated copy in `folder` for each picture; no two are the same."""
    names: list[Path] = []
    taken: set[str] = set()
    for picture in pictures:
        suffix = picture.suffix if picture.suffix.lower() in KEPT_SUFFIXES else ".png"
        name, n = f"{picture.stem}{MARK}{suffix}", 1
        while name.casefold() in taken:
            n += 1
            name = f"{picture.stem}-{n}{MARK}{suffix}"
        taken.add(name.casefold())
        names.append(folder / name)
    return names
