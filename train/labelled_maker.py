"""Make training pictures of labelled ones, with a little augmentation, and mix them with others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from engines.model_file import content_wh, input_wh
from engines.padding import BAR_GREY
from train import camera
from train.chance import ASPECT_STREAM, LABELLED_STREAM, MIX_STREAM, one_of
from train.filming import filmed, lit
from train.labelled_set import LabelledPicture, LoadedPicture, load_pictures
from train.samples import Maker, Sample
from train.stages import Stage

ZOOM = (0.6, 1.6)  # how large a picture is drawn, of the size that the localizer would give it
P_ZOOM = 0.7
THIN_PX = 16  # what is thinner is not worth filming
Wh = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Placed:
    """A picture drawn into an input: its size there in pixels, and where its corner lies."""

    size_wh: Wh
    corner_xy: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LabelledMaker:
    """Makes pictures of labelled ones; `make(i)` gives the i-th. Use `labelled_maker`.

    stage: of its knobs those count that change a whole picture, and `p_flip`. size: the longer side
    of the pictures in pixels.
    """

    stage: Stage
    pictures: Sequence[LoadedPicture]
    size: int
    seed: int
    noise_bank: NDArray[np.uint8]

    @cached_property
    def by_input(self) -> dict[Wh, list[int]]:
        """The pictures' numbers, by the width and height of the input that they are given."""
        found: dict[Wh, list[int]] = {}
        for n, picture in enumerate(self.pictures):
            found.setdefault(input_wh(*picture.picture_wh, self.size), []).append(n)
        return found

    def aspect(self, group: int) -> tuple[int, int]:
        """Return width to height of the pictures of a group; those of a batch must be alike."""
        rng = np.random.default_rng([self.seed, ASPECT_STREAM, group])
        return one_of(rng, self.pictures).picture_wh

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own.

        It is one of those that get an input of that aspect, or any where there is none.
        """
        rng = np.random.default_rng([self.seed, LABELLED_STREAM, index])
        wh = input_wh(*(aspect or self.aspect(index)), self.size)
        fitting = self.by_input.get(wh)
        n = int(rng.integers(len(fitting or self.pictures)))
        picture = self.pictures[fitting[n] if fitting else n]
        image, labelled = picture.pixels(), picture.labelled
        if rng.random() < self.stage.p_flip:
            image, labelled = mirrored(image, labelled)
        placed = zoomed(rng, picture.picture_wh, labelled.boxes_norm, wh)
        return drawn(image, labelled, placed, wh, (rng, self.stage, self.noise_bank))

    def at_size(self, size: int) -> "LabelledMaker":
        """Return a maker of such pictures with a longer side of `size` pixels."""
        noise = camera.noise_for(self.noise_bank, self.seed, size)
        return replace(self, size=size, noise_bank=noise)

    def without_objects(self) -> None:
        """Make none without objects: what the set does not label may be one all the same."""


def labelled_maker(
    stage: Stage, pictures: Sequence[LabelledPicture], size: int, seed: int
) -> LabelledMaker:
    """Build the maker; all pictures are read once, so that bad ones are told at once.

    Raises:
        TrainError: a picture cannot be used.
    """
    loaded = load_pictures(pictures, round(size * ZOOM[1]))
    return LabelledMaker(stage, loaded, size, seed, camera.noise_bank(seed, size))


def plain(picture: LoadedPicture, size: int) -> Sample:
    """Return a picture as the localizer would see it, with nothing changed.

    size: the longer side of the input in pixels.
    """
    wh = input_wh(*picture.picture_wh, size)
    return drawn(picture.pixels(), picture.labelled, fitted(picture.picture_wh, wh), wh)


def mirrored(
    image: NDArray[np.uint8], labelled: LabelledPicture
) -> tuple[NDArray[np.uint8], LabelledPicture]:
    """Mirror a picture and its boxes."""
    turned = labelled.boxes_norm[:, [2, 1, 0, 3]]
    turned[:, [0, 2]] = 1 - turned[:, [0, 2]]
    return cv2.flip(image, 1).astype(np.uint8, copy=False), replace(labelled, boxes_norm=turned)


def fitted(picture_wh: Wh, wh: Wh) -> Placed:
    """Place a picture as the localizer does: as large as there is room for, in the middle."""
    size_wh = content_wh(*picture_wh, wh)
    return Placed(size_wh, ((wh[0] - size_wh[0]) // 2, (wh[1] - size_wh[1]) // 2))


def scaled(picture_wh: Wh, scale: float) -> Wh:
    """Return a picture's size in whole pixels at a scale."""
    return max(1, round(picture_wh[0] * scale)), max(1, round(picture_wh[1] * scale))


def zoomed(rng: Random, picture_wh: Wh, boxes: NDArray[np.float32], wh: Wh) -> Placed:
    """Place a picture larger or smaller than `fitted`, anywhere, but so that no box is cut.

    A part of a box would not bound what can still be seen of the object.
    """
    if rng.random() >= P_ZOOM:
        return fitted(picture_wh, wh)
    scale = min(wh[0] / picture_wh[0], wh[1] / picture_wh[1])
    zoom = ZOOM[0] * (ZOOM[1] / ZOOM[0]) ** rng.random()
    low, high = (0.5, 0.5), (0.5, 0.5)
    if len(boxes):
        low, high = boxes[:, :2].min(axis=0).tolist(), boxes[:, 2:].max(axis=0).tolist()
    for n in range(2):  # the boxes must fit as well
        zoom = min(zoom, (wh[n] - 3) / max(1, (high[n] - low[n]) * picture_wh[n] * scale))
    size_wh = scaled(picture_wh, scale * zoom)
    x, y = (place_along(rng, size_wh[n], wh[n], low[n], high[n]) for n in range(2))
    return Placed(size_wh, (x, y))


def place_along(rng: Random, side: int, room: int, low: float, high: float) -> int:
    """Draw a picture's position along one axis, in whole pixels.

    A picture that is larger than the room fills it; what lies from `low` to `high`, as parts of the
    picture, stays in the room.
    """
    if side <= room:
        return int(rng.integers(0, room - side + 1))
    first = max(room - side, -int(low * side))
    last = min(0, room - int(np.ceil(high * side)))
    return int(rng.integers(first, max(first, last) + 1))


def drawn(
    image: NDArray[np.uint8],
    labelled: LabelledPicture,
    placed: Placed,
    wh: Wh,
    looks: tuple[Random, Stage, NDArray[np.uint8]] | None = None,
) -> Sample:
    """Draw a picture into an input with grey bars, after the changes of light, lens and sensor.

    looks: of `lit` and `filmed`, None: no changes.
    """
    (width, height), (x, y) = placed.size_wh, placed.corner_xy
    way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    large = cv2.resize(image, (width, height), interpolation=way).astype(np.uint8, copy=False)
    left, top = max(0, -x), max(0, -y)
    content = np.ascontiguousarray(large[top : wh[1] - y, left : wh[0] - x])
    if looks is not None and min(content.shape[:2]) >= THIN_PX:
        rng, stage, bank = looks
        content = filmed(rng, lit(rng, content, stage)[0], stage, bank)
    result = np.full((wh[1], wh[0], 3), BAR_GREY, np.uint8)
    x1, y1 = max(0, x), max(0, y)
    result[y1 : y1 + content.shape[0], x1 : x1 + content.shape[1]] = content
    scale, shift = np.array([width, height] * 2), np.array([x, y] * 2)
    boxes = (labelled.boxes_norm * scale + shift).clip(0, np.array(wh * 2))
    return Sample(result, boxes.astype(np.float32), labelled.class_ids)


@dataclass(frozen=True, eq=False)
class MixedMaker:
    """Makes a part of the pictures, 0..1, of labelled ones, and generates the rest."""

    labelled: Maker
    generated: Maker
    part: float
    seed: int

    def aspect(self, group: int) -> tuple[int, int]:
        """Return width to height of the pictures of a group; those of a batch must be alike."""
        return self._maker(ASPECT_STREAM, group).aspect(group)

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own."""
        return self._maker(MIX_STREAM, index).make(index, aspect or self.aspect(index))

    def at_size(self, size: int) -> "MixedMaker":
        """Return a maker of such pictures with a longer side of `size` pixels."""
        return replace(
            self, labelled=self.labelled.at_size(size), generated=self.generated.at_size(size)
        )

    def without_objects(self) -> Maker | None:
        """Return a maker of generated pictures without objects; None: there are none.

        They have the aspects of all these pictures, as those of a batch must be alike.
        """
        others = self.generated.without_objects()
        return None if others is None else InAspectsOf(self, others)

    def _maker(self, what: int, index: int) -> Maker:
        rng = np.random.default_rng([self.seed, what, index])
        return self.labelled if rng.random() < self.part else self.generated


@dataclass(frozen=True, eq=False)
class InAspectsOf:
    """Makes the pictures of one maker, each group in the aspect that another has for it."""

    leading: Maker
    pictures: Maker

    def aspect(self, group: int) -> tuple[int, int]:
        """Return width to height of the pictures of a group; those of a batch must be alike."""
        return self.leading.aspect(group)

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own."""
        return self.pictures.make(index, aspect or self.aspect(index))

    def at_size(self, size: int) -> "InAspectsOf":
        """Return a maker of such pictures with a longer side of `size` pixels."""
        return replace(
            self, leading=self.leading.at_size(size), pictures=self.pictures.at_size(size)
        )

    def without_objects(self) -> "InAspectsOf | None":
        """Return a maker of other such pictures, without objects; None: there are none."""
        others = self.pictures.without_objects()
        return None if others is None else replace(self, pictures=others)
