"""Load cut-outs: a folder per class, each holding pictures with alpha (PNG, WebP, SVG)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from train import pixel_art
from train.errors import TrainError
from train.exif import upright
from train.layers import premultiplied
from train.picture_file import bytes_of, decoded, files_in, folders_in

SVG_HEIGHT_PX = 512
SMALLEST_LEVEL_PX = 24
SMALLEST_SIDE_PX = 16
LARGEST_SIDE_PX = 1024  # as large as an object gets in the largest pictures
MANY_ROWS = 160  # and columns: more of them tell an outline no better
SEEN_ALPHA = 100  # of 255: a pixel with less than this is not counted as the object's
OPAQUE = 128  # an alpha from which on a pixel hides what lies below it
LEAST_OPAQUE = 1e-3  # of what can be seen: below it hardly any picture would get a box
DISTRACTOR = -1  # the first kind of them; others are counted down from it
SUFFIXES = {".svg", ".png", ".webp"}


@dataclass(frozen=True, eq=False)
class Cutout:
    """One drawing of one class, as a pyramid of sizes.

    class_id: DISTRACTOR or less for a drawing of something that shall not be found.
    levels: uint8 [H, W, 4] each, BGR premultiplied by alpha and alpha; each level is half the one
    before it, so that a paste never shrinks by more than two in one step (which would alias).
    outline: float64 [M, 2], the convex hull of what can be seen, x and y of pixel corners in the
    first level divided by its width and height. A transform of these points gives an exact box.
    reach: float64 [M, 2], the same of all that is not wholly transparent.
    ends: float64 [M, 2], the corners of the first and last pixel that can be seen of each row and
    of each column; of large drawings, of every other or third one.
    """

    class_id: int
    levels: tuple[NDArray[np.uint8], ...]
    outline: NDArray[np.float64]
    reach: NDArray[np.float64]
    ends: NDArray[np.float64]


def read_bgra(path: Path) -> NDArray[np.uint8]:
    """Read a picture with alpha as uint8 [H, W, 4], BGRA, not premultiplied.

    It is turned upright as its EXIF data says, as OpenCV does with photos.

    Raises:
        TrainError: the file cannot be read, or has no alpha.
    """
    if path.suffix.lower() == ".svg":
        import resvg_py

        try:
            data = bytes(resvg_py.svg_to_bytes(svg_path=str(path), height=SVG_HEIGHT_PX))
        except ValueError as error:
            raise TrainError(f"cannot draw {path}: {error}; is it an SVG file?") from error
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    else:
        data = bytes_of(path)
        image = decoded(path, cv2.IMREAD_UNCHANGED)
    if image is None:
        raise TrainError(
            f"cannot read {path} as a picture: it is damaged, or no PNG, WebP or SVG; save it again"
        )
    if image.ndim != 3 or image.shape[2] != 4:
        raise TrainError(f"{path} has no alpha channel; cut the object out of its background first")
    if image.dtype == np.uint16:
        image = image // 256
    return upright(image.astype(np.uint8), data)


def cutout_from_bgra(image: NDArray[np.uint8], class_id: int) -> Cutout:
    """Trim a BGRA picture to what can be seen, premultiply it and build its pyramid.

    Raises:
        TrainError: nothing in it can be seen, or too little.
    """
    inside = seen_part(image)
    # a border of nothing, so that the pyramid's edges stay soft
    bordered = cv2.copyMakeBorder(inside, 2, 2, 2, 2, cv2.BORDER_CONSTANT)
    levels = [no_larger_than_needed(premultiplied(bordered.astype(np.uint8, copy=False)))]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL_PX:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(half.astype(np.uint8, copy=False))
    alpha = levels[0][..., 3]
    ends = ends_of(alpha >= SEEN_ALPHA)
    few = ends[:: max(1, max(alpha.shape) // MANY_ROWS)]
    return Cutout(class_id, tuple(levels), hull(ends), hull(ends_of(alpha > 0)), few)


def seen_part(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Trim a BGRA picture to what can be seen.

    Raises:
        TrainError: nothing in it can be seen, or too little.
    """
    seen = image[..., 3] >= SEEN_ALPHA
    if not seen.any():
        raise TrainError(f"nothing can be seen (every alpha is below {SEEN_ALPHA} of 255)")
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    inside = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = inside.shape[:2]
    if max(height, width) < SMALLEST_SIDE_PX:
        raise TrainError(
            f"the object is {width}×{height} px; use a picture of at least {SMALLEST_SIDE_PX} px"
        )
    return inside


def no_larger_than_needed(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink a picture with alpha, uint8 [H, W, 4], until its longer side is `LARGEST_SIDE_PX`.

    Raises:
        TrainError: nothing in it can be seen then.
    """
    sides = image.shape[:2]
    scale = max(LARGEST_SIDE_PX / max(sides), SMALLEST_LEVEL_PX / min(sides))
    if scale >= 1:
        return image
    height, width = (round(scale * side) for side in sides)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    if small[..., 3].max() < SEEN_ALPHA:
        raise TrainError(
            f"nothing can be seen at {width}×{height} px (every alpha is below {SEEN_ALPHA} of "
            "255); draw it with thicker lines"
        )
    return small.astype(np.uint8, copy=False)


def is_opaque(cutout: Cutout) -> bool:
    """Say whether enough of a cut-out hides what lies below it."""
    alpha = cutout.levels[0][..., 3]
    opaque, seen = (np.count_nonzero(alpha >= least) for least in (OPAQUE, SEEN_ALPHA))
    return bool(opaque >= LEAST_OPAQUE * seen)


def is_rectangle(cutout: Cutout) -> bool:
    """Say whether no pixel within the bounds of what can be seen is transparent."""
    seen = cutout.levels[0][..., 3] >= SEEN_ALPHA
    return bool(seen[np.ix_(seen.any(axis=1), seen.any(axis=0))].all())


def warning_of_rectangles(label: str, cutouts: Sequence[Cutout]) -> str | None:
    """Say that a class has pictures that nobody may have cut out, or return None."""
    if not any(map(is_rectangle, cutouts)):
        return None
    return (
        f"cut-outs of {label} without a transparent pixel are learnt as rectangles; unless the "
        "object is one, cut it out of its background"
    )


def ends_of(seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the corners of the first and the last pixel of each row and column that can be seen.

    [M, 2], x and y as parts of the width and the height.
    """
    return np.concatenate([row_ends(seen), row_ends(seen.T)[:, ::-1]])


def row_ends(seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the corners of the first and the last pixel of each row that can be seen, [M, 2].

    x and y are parts of the width and the height.
    """
    rows = np.flatnonzero(seen.any(axis=1))
    left = seen[rows].argmax(axis=1)
    right = seen.shape[1] - seen[rows, ::-1].argmax(axis=1)
    corners = np.concatenate(
        [np.column_stack([x, rows + dy]) for x in (left, right) for dy in (0, 1)]
    )
    ends: NDArray[np.float64] = corners / seen.shape[::-1]
    return ends


def hull(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return those of points [N, 2] that their convex hull has for corners, float64 [M, 2]."""
    which = cv2.convexHull(points.astype(np.float32), returnPoints=False)
    return np.asarray(points[which.ravel()])


def load_picture(path: Path, class_id: int) -> list[Cutout]:
    """Load a file as one cut-out, or as two where it is pixel art: in its pixels, and drawn anew.

    Raises:
        TrainError: the file cannot be used.
    """
    try:
        image = read_bgra(path)
        views = [image]
        if path.suffix.lower() != ".svg" and max(image.shape[:2]) < pixel_art.LARGEST_SIDE_PX:
            art = seen_part(image)
            views = [pixel_art.blocks(art), pixel_art.drawn(art)]
        return [cutout_from_bgra(view, class_id) for view in views]
    except TrainError as error:
        reason = str(error)
        raise TrainError(reason if str(path) in reason else f"{path}: {reason}") from error


def load_cutouts(folder: Path) -> tuple[tuple[str, ...], list[Cutout]]:
    """Load every cut-out below `folder`; the sub-folders' names, sorted, are the labels.

    Raises:
        TrainError: the folder is missing or has no classes, a class is empty, or a picture is
        unusable.
    """
    if not folder.is_dir():
        raise TrainError(f"no folder of cut-outs at {folder}; give one with a sub-folder per class")
    class_folders = folders_in(folder)
    if not class_folders:
        raise TrainError(f"{folder} has no sub-folders; make one per class, named by its label")
    check_names([one.name for one in class_folders], folder)
    cutouts = []
    for class_id, class_folder in enumerate(class_folders):
        paths = files_in(class_folder, SUFFIXES)
        if not paths:
            raise TrainError(f"no PNG, WebP or SVG cut-outs in {class_folder}; add at least one")
        for path in paths:
            views = load_picture(path, class_id)
            if not any(map(is_opaque, views)):
                raise TrainError(
                    f"{path} is too faint to be learnt (nearly every alpha is below {OPAQUE} of "
                    "255); make the object opaque"
                )
            cutouts += views
    return tuple(p.name for p in class_folders), cutouts


def check_names(labels: Sequence[str], folder: Path) -> None:
    """Make sure that labels differ in more than letter case, which --classes and sets leave aside.

    Raises:
        TrainError: two do not.
    """
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(label.casefold(), label)
        if other != label:
            raise TrainError(
                f"{folder} has the classes {other} and {label}; rename one, or join them"
            )


def load_distractors(folder: Path) -> dict[Path, list[Cutout]]:
    """Load drawings of things that shall not be found: each file's cut-outs.

    Those in each sub-folder are a kind of their own, with a class id below that of the ones before.

    Raises:
        TrainError: the folder is missing or empty, or a picture is unusable.
    """
    if not folder.is_dir():
        raise TrainError(f"no folder of distractors at {folder}")
    found = {
        path: load_picture(path, DISTRACTOR - n)
        for n, kind in enumerate([folder, *folders_in(folder)])
        for path in files_in(kind, SUFFIXES)
    }
    if not found:
        raise TrainError(f"no PNG, WebP or SVG pictures in {folder}; add some, or name no folder")
    return found
