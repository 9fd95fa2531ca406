"""Pictures with known boxes to measure on, wherever they come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from train.data_set import DataSet
from train.samples import Sample

Labelled = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures with known boxes.

    title: what they are, for people; cases: their names, and the pictures, read or made one by one;
    count: how many, None where only going through them tells; is_real: not generated; unknown:
    classes that the model does not know, whose boxes were left out.
    """

    title: str
    cases: Iterable[tuple[str, Sample]]
    count: int | None
    is_real: bool = True
    unknown: tuple[str, ...] = ()


def generated_set(data: DataSet, stage: str, count: int) -> PictureSet:
    """Return the first `count` pictures of a stage over held-out photos."""
    cases = ((f"generated {n}", data.held_out.make(n)) for n in range(count))
    title = f"{count} generated pictures of the stage {stage}"
    return PictureSet(title, cases, count, is_real=False)


def labelled_set(title: str, labelled: Iterable[Labelled], most: int | None = None) -> PictureSet:
    """Return `most` of the pictures that come with boxes and class ids as a set.

    labelled: uint8 [H, W, 3] BGR, float32 [N, 4] x1 y1 x2 y2 in pixels, and int64 [N], each.
    """
    cases = ((f"picture {n}", Sample(*one)) for n, one in enumerate(labelled, start=1))
    return PictureSet(title, islice(cases, most), count=None)
