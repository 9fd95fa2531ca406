"""Load cut-outs: a folder per class, each holding pictures with alpha (PNG, WebP, SVG)."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError

SVG_HEIGHT_PX = 512
SMALLEST_LEVEL_PX = 24
RASTER_SUFFIXES = {".png", ".webp"}


@dataclass(frozen=True, eq=False)
class Cutout:
    """One drawing of one class, as a pyramid of sizes.

    levels: float32 [H, W, 4] each, BGR premultiplied by alpha and alpha, 0..255; each level is half
    the one before it, so that a paste never shrinks by more than two in one step (which would
    alias).
    """

    class_id: int
    levels: tuple[NDArray[np.float32], ...]


def read_bgra(path: Path) -> NDArray[np.uint8]:
    """Read a picture with alpha as uint8 [H, W, 4], BGRA, not premultiplied.

    Raises:
        TrainError: the file cannot be read, or has no alpha.
    """
    if path.suffix.lower() == ".svg":
        import resvg_py

        try:
            data = bytes(resvg_py.svg_to_bytes(svg_path=str(path), height=SVG_HEIGHT_PX))
        except ValueError as error:
            raise TrainError(f"cannot draw {path}: {error}; is it an SVG file?") from error
    else:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise TrainError(f"cannot read {path}: {error.strerror}") from error
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if image is None:
        raise TrainError(f"cannot read {path} as a picture; use PNG, WebP or SVG")
    if image.ndim != 3 or image.shape[2] != 4:
        raise TrainError(f"{path} has no alpha channel; cut the object out of its background first")
    if image.dtype == np.uint16:
        image = image // 256
    return image.astype(np.uint8)


def cutout_from_bgra(image: NDArray[np.uint8], class_id: int) -> Cutout:
    """Trim a BGRA picture to what can be seen, premultiply it and build its pyramid.

    Raises:
        TrainError: nothing in it can be seen.
    """
    seen = image[..., 3] > 8
    if not seen.any():
        raise TrainError("nothing in the picture can be seen (alpha is 0 everywhere)")
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    trimmed = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    trimmed[..., :3] *= trimmed[..., 3:] / 255
    levels = [trimmed]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL_PX:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(half.astype(np.float32))
    return Cutout(class_id, tuple(levels))


def load_cutouts(folder: Path) -> tuple[tuple[str, ...], list[Cutout]]:
    """Load every cut-out below `folder`; the sub-folders' names, sorted, are the labels.

    Raises:
        TrainError: the folder is missing or has no classes, a class is empty, or a picture is
        unusable.
    """
    if not folder.is_dir():
        raise TrainError(f"no folder of cut-outs at {folder}; give one with a sub-folder per class")
    class_folders = sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    if not class_folders:
        raise TrainError(f"{folder} has no sub-folders; make one per class, named by its label")
    cutouts = []
    for class_id, class_folder in enumerate(class_folders):
        paths = sorted(
            p for p in class_folder.iterdir() if p.suffix.lower() in {".svg", *RASTER_SUFFIXES}
        )
        if not paths:
            raise TrainError(f"no PNG, WebP or SVG cut-outs in {class_folder}; add at least one")
        for path in paths:
            try:
                cutouts.append(cutout_from_bgra(read_bgra(path), class_id))
            except TrainError as error:
                reason = str(error)
                raise TrainError(reason if str(path) in reason else f"{path}: {reason}") from error
    return tuple(p.name for p in class_folders), cutouts
