"""Pictures that people have labelled: where they are, and the boxes in them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train.coco_set import read_as_large
from train.data_set import hold_out
from train.errors import TrainError
from train.photos import Image, shrunk
from train.picture_file import decoded

KEPT_BYTES = 256 * 2**20  # of pictures in memory; those beyond are read each time
SMALLEST_SIDE_PX = 32


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """One picture of a set.

    boxes_norm: float32 [N, 4], x1 y1 x2 y2 as parts of the picture's width and height; class_ids:
    int64 [N]; picture_wh: its width and height in pixels where the set tells them.
    """

    path: Path
    boxes_norm: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    picture_wh: tuple[int, int] | None = None

    def read(self, longest_px: int) -> tuple[Image, tuple[int, int]]:
        """Read the picture, uint8 [H, W, 3] BGR, shrunk to `longest_px`, and how large it was.

        Raises:
            TrainError: it cannot be read, is too small, or not as large as the set says.
        """
        if self.picture_wh is not None:
            image = read_as_large(self.path, self.picture_wh)
        else:
            loaded = decoded(self.path, cv2.IMREAD_COLOR)
            if loaded is None:
                raise TrainError(f"cannot read {self.path} as a picture; mend or remove it")
            image = loaded.astype(np.uint8, copy=False)
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST_SIDE_PX:
            raise TrainError(f"{self.path} is smaller than {SMALLEST_SIDE_PX} px; remove it")
        return shrunk(image, longest_px), (width, height)


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """A set's labels, by class id, and its pictures: to train on, and to measure on.

    without_area: how many boxes were left out, since nothing of them is in their picture.
    """

    labels: tuple[str, ...]
    training: Sequence[LabelledPicture]
    held_out: Sequence[LabelledPicture]
    without_area: int = 0


@dataclass(frozen=True, eq=False)
class LoadedPicture:
    """A picture that is known to be readable; image: in memory, or None. See LabelledPicture."""

    labelled: LabelledPicture
    picture_wh: tuple[int, int]
    longest_px: int
    image: Image | None

    def pixels(self) -> Image:
        """Return the picture, uint8 [H, W, 3] BGR, of at most `longest_px` a side."""
        return self.labelled.read(self.longest_px)[0] if self.image is None else self.image


def labelled_set(
    path: Path,
    labels: Sequence[str],
    training: Sequence[LabelledPicture],
    held_out: Sequence[LabelledPicture],
) -> LabelledSet:
    """Make a set, and hold out every fifth picture where none are, or the very ones of `training`.

    Where only some are in both parts they are held out alone.

    Raises:
        TrainError: there is nothing to learn.
    """
    if not held_out or files_of(held_out) == files_of(training):
        training, held_out = hold_out(training, path, "labelled picture")
    measured = files_of(held_out)
    parts = [p for p in training if p.path.resolve() not in measured], held_out
    kept, measured_on = ([whole(p) for p in part] for part in parts)
    if not boxes_of(kept):
        raise TrainError(f"{path} has no boxes with an area to train on")
    without_area = sum(map(boxes_of, parts)) - boxes_of(kept) - boxes_of(measured_on)
    return LabelledSet(tuple(labels), kept, measured_on, without_area)


def boxes_of(pictures: Sequence[LabelledPicture]) -> int:
    """Return how many boxes pictures have."""
    return sum(len(picture.class_ids) for picture in pictures)


def warnings_of_boxes(data: LabelledSet, path: Path) -> list[str]:
    """Say what of a set's boxes cannot be used, and that there are none to measure on."""
    found = []
    if data.without_area:
        found.append(
            f"boxes of {path} left out, since nothing of them is in their picture: "
            f"{data.without_area}"
        )
    if not boxes_of(data.held_out):
        found.append(
            f"none of the {len(data.held_out)} pictures held out of {path} has a box, so what is "
            "measured says nothing of its objects; hold out some with boxes"
        )
    return found


def files_of(pictures: Sequence[LabelledPicture]) -> set[Path]:
    """Return where pictures really lie: one file may have several paths."""
    return {picture.path.resolve() for picture in pictures}


def whole(picture: LabelledPicture) -> LabelledPicture:
    """Leave out boxes without an area."""
    boxes = picture.boxes_norm
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return LabelledPicture(picture.path, boxes[kept], picture.class_ids[kept], picture.picture_wh)


def load_pictures(pictures: Sequence[LabelledPicture], longest_px: int) -> list[LoadedPicture]:
    """Read all pictures once, and keep as many in memory as there is room for.

    Raises:
        TrainError: a picture cannot be used.
    """
    loaded: list[LoadedPicture] = []
    room = KEPT_BYTES
    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda picture: picture.read(longest_px), pictures)
        for picture, (image, picture_wh) in zip(pictures, read, strict=True):
            room -= image.nbytes
            kept = image if room >= 0 else None
            loaded.append(LoadedPicture(picture, picture_wh, longest_px, kept))
    return loaded
