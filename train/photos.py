"""Load the photos that cut-outs are pasted on."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
LONGEST_SIDE_PX = 640
SMALLEST_SIDE_PX = 64


def load_photos(folder: Path) -> list[NDArray[np.uint8]]:
    """Read the photos in `folder`, sorted by name, as uint8 [H, W, 3] BGR of at most 640 px a side.

    Raises:
        TrainError: the folder is missing or empty, or a photo is unreadable or too small.
    """
    if not folder.is_dir():
        raise TrainError(f"no folder of photos at {folder}")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in PHOTO_SUFFIXES)
    if not paths:
        raise TrainError(f"no photos in {folder}; put some JPEG or PNG files there")
    photos = []
    for path in paths:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise TrainError(f"cannot read {path} as a picture; mend or remove it")
        if min(image.shape[:2]) < SMALLEST_SIDE_PX:
            raise TrainError(f"{path} is smaller than {SMALLEST_SIDE_PX} px; remove it")
        scale = min(1.0, LONGEST_SIDE_PX / max(image.shape[:2]))
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        photos.append(np.ascontiguousarray(image, np.uint8))
    return photos
