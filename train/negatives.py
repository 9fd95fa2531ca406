"""Pictures without objects: what is found in them is wrong.

Crops of held-out photos stand for frames in which nothing is there; drawings of other things, on
the same photos and with the looks of stage 8, for what is most easily mistaken for an object.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from train import light
from train.backgrounds import random_crop
from train.chance import CROP_STREAM
from train.generator import PictureMaker, picture_maker, with_bars
from train.matching import Found, Truth, iou_matrix
from train.samples import Sample
from train.stages import MANY_OBJECTS
from train.threshold import FALSE_LIMIT, MISTAKEN_LIMIT, MISTAKEN_PART, Trials

PHOTOS = 6000
DRAWINGS = 1000
ALIKE = 32  # as many pictures one after the other have one aspect, so that they fill a batch
LIGHT = 0.5  # strength of the change of light
MISTAKEN_IOU = 0.3  # a detection that overlaps a drawing more than this takes it for an object
A_DRAWING = replace(MANY_OBJECTS, count=(1, 1), p_absent=0.0, p_distractor=0.0)
Image = NDArray[np.uint8]
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class OnDemand(Generic[Item]):
    """`count` pictures, each made when it is asked for, and the same every time."""

    make: Callable[[int], Item]
    count: int

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Item]:
        return map(self.make, range(self.count))


def photo_crops(maker: PictureMaker, count: int) -> OnDemand[Image]:
    """Crop a maker's photos, in turn: at several scales, half of them mirrored, in other light.

    The crops are uint8 [H, W, 3] BGR, of the shapes that the localizer gives the frames of cameras.
    """

    def make(index: int) -> Image:
        rng = np.random.default_rng([maker.seed, CROP_STREAM, index])
        wide, high = maker.aspect(index // ALIKE)
        long = max(wide, high)
        width, height = round(maker.size * wide / long), round(maker.size * high / long)
        crop = random_crop(rng, maker.photos[index % len(maker.photos)], width, height)
        if rng.random() < 0.5:
            crop = np.ascontiguousarray(crop[:, ::-1])
        lit = light.apply_cast(crop, light.colour_cast(rng, LIGHT))
        return with_bars(lit, maker.size)[0]

    return OnDemand(make, count)


def drawings(maker: PictureMaker, count: int) -> OnDemand[Sample]:
    """Draw a maker's distractors, in turn, on its photos, one in a picture.

    A sample's box is that of the drawing, its class the drawing's number; where by chance there is
    no room for the drawing, there is no box.
    """
    every = [drawing for kind in maker.distractors for drawing in kind]
    numbered = [replace(d, class_id=n) for n, d in enumerate(every)]
    drawer = picture_maker(A_DRAWING, numbered, maker.photos, maker.size, maker.seed)

    def make(index: int) -> Sample:
        stage = replace(A_DRAWING, classes=(index % len(numbered),))
        return replace(drawer, stage=stage).make(index, drawer.aspect(index // ALIKE))

    return OnDemand(make, count)


@dataclass(frozen=True, eq=False)
class Negatives:
    """Pictures to find nothing in: photos, and samples with the boxes of what is no object.

    None: not to be tried.
    """

    photos: OnDemand[Image] | None = None
    drawings: OnDemand[Sample] | None = None


def negatives_for(
    maker: PictureMaker, photo_count: int = PHOTOS, drawing_count: int = DRAWINGS
) -> Negatives:
    """Return the pictures without objects that fit the stage of a maker of held-out pictures.

    A net that never saw a photo, or a picture without an object, is not held to keep silent there.
    """
    stage = maker.stage
    if not stage.has_empty_photos:
        return Negatives()
    photos = photo_crops(maker, photo_count)
    if not maker.distractors or not stage.p_distractor:
        return Negatives(photos)
    return Negatives(photos, drawings(maker, drawing_count))


def false_trials(found: Sequence[Found]) -> Trials:
    """Take all that was found in pictures without objects as false."""
    scores = [one.scores for one in found]
    return Trials(np.concatenate([*scores, np.zeros(0, np.float32)]), len(found), FALSE_LIMIT)


def mistaken_trials(drawings: Sequence[Truth], found: Sequence[Found]) -> Trials:
    """Take a drawing as mistaken with the best score of the detections that overlap it."""
    scores: list[float] = []
    count = 0
    for truth, one in zip(drawings, found, strict=True):
        for overlaps in iou_matrix(one.boxes, truth.boxes).T:
            count += 1
            scores += one.scores[overlaps > MISTAKEN_IOU].tolist()[:1]  # the best comes first
    return Trials(np.array(scores, np.float32), count, MISTAKEN_LIMIT, MISTAKEN_PART)
