"""Make training pictures with exact boxes: cut-outs pasted on photos, as a stage says.

Cut, paste and learn (Dwibedi, Misra, Hebert, 2017: https://arxiv.org/abs/1708.01642). A picture
depends on the seed and its own index only, so any number of workers makes the same pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from engines.model_file import input_wh
from engines.padding import BAR_GREY
from train import camera, light, looks, paste
from train.backgrounds import make_background
from train.clutter import occlude, paste_decoys
from train.cutouts import Cutout, cutout_from_bgra
from train.errors import TrainError
from train.paste import Box
from train.stages import Stage

SMALLEST_OBJECT_PX = 10.0
TRIES_TO_PLACE = 8
P_OVER_THE_EDGE = 0.25


@dataclass(frozen=True, eq=False)
class Sample:
    """A training picture.

    image: uint8 [H, W, 3], BGR.
    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels.
    class_ids: int64 [N].
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]


class Maker(Protocol):
    """Makes the pictures that a run trains on."""

    def aspect(self, group: int) -> tuple[int, int]:
        """Return width to height of the pictures of a group; those of a batch must be alike."""

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own."""

    def at_size(self, size: int) -> "Maker":
        """Return a maker of such pictures with a longer side of `size` pixels, at most its own."""


@dataclass(frozen=True, eq=False)
class PictureMaker:
    """Makes the pictures of one stage; `make(i)` gives the i-th. Use `picture_maker`.

    cutouts: of each class, the finest first; distractors: drawings of other things, of each kind,
    one kind drawn as often as another; photos: uint8 [H, W, 3] BGR each (may be empty on a black
    background); size: the longer side of the pictures in pixels; noise_bank: of
    `camera.noise_bank(seed)`.
    """

    stage: Stage
    cutouts: Sequence[Sequence[Cutout]]
    distractors: Sequence[Sequence[Cutout]]
    photos: Sequence[NDArray[np.uint8]]
    size: int
    seed: int
    noise_bank: NDArray[np.uint8]

    def aspect(self, group: int) -> tuple[int, int]:
        """Return width to height of the pictures of a group; those of a batch must be alike."""
        aspects = self.stage.aspects
        rng = np.random.default_rng([self.seed, 0x617370, group])
        return aspects[int(rng.integers(len(aspects)))]

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own."""
        rng = np.random.default_rng([self.seed, index])
        stage = self.stage
        wide, high = aspect or self.aspect(index)
        long = max(wide, high)
        width, height = round(self.size * wide / long), round(self.size * high / long)
        canvas = make_background(rng, stage, self.photos, width, height)
        if rng.random() < stage.p_decoy:
            paste_decoys(rng, canvas, self.photos, self._choose_class(rng))
        boxes, class_ids = self._paste_things(rng, canvas)
        if boxes and rng.random() < stage.p_occlude:
            hidden = boxes[int(rng.integers(len(boxes)))]
            occlude(rng, canvas, hidden, self.photos, self._choose_class(rng))
        canvas = finish(rng, canvas, stage, self.noise_bank)
        image, x, y = with_bars(canvas, self.size)
        shifted = np.array(boxes, np.float32).reshape(-1, 4) + np.array([x, y, x, y], np.float32)
        return Sample(image, shifted, np.array(class_ids, np.int64))

    def at_size(self, size: int) -> "PictureMaker":
        """Return a maker of such pictures with a longer side of `size` pixels, at most its own."""
        return replace(self, size=size)

    def _paste_things(self, rng: Random, canvas: NDArray[np.uint8]) -> tuple[list[Box], list[int]]:
        """Paste objects and distractors in a random order; return the objects' boxes and ids."""
        stage = self.stage
        things: list[Cutout] = []
        if self.distractors and rng.random() < stage.p_distractor:
            for _ in range(int(rng.integers(1, 3))):
                kind = self.distractors[int(rng.integers(len(self.distractors)))]
                things.append(kind[int(rng.integers(len(kind)))])
        if rng.random() >= stage.p_absent:
            for _ in range(int(rng.integers(stage.count[0], stage.count[1] + 1))):
                things.append(self._choose(rng))
        taken: list[Box] = []
        placed: list[tuple[Box, int]] = []
        for n in rng.permutation(len(things)):
            box = self._place(rng, things[n], canvas, taken)
            if box is not None:
                taken.append(box)
                placed.append((box, things[n].class_id))
        objects = [(box, class_id) for box, class_id in placed if class_id >= 0]
        return [box for box, _ in objects], [class_id for _, class_id in objects]

    def _choose_class(self, rng: Random) -> Sequence[Cutout]:
        wanted = self.stage.classes
        drawn = [c for n, c in enumerate(self.cutouts) if wanted is None or n in wanted]
        drawn = drawn or [self.cutouts[0]]
        return drawn[int(rng.integers(len(drawn)))]

    def _choose(self, rng: Random) -> Cutout:
        """Choose a class, then one of its cut-outs: half the time the one drawn finest."""
        of_class = self._choose_class(rng)
        return of_class[0 if rng.random() < 0.5 else int(rng.integers(len(of_class)))]

    def _place(
        self, rng: Random, cutout: Cutout, canvas: NDArray[np.uint8], taken: Sequence[Box]
    ) -> Box | None:
        """Paste a cut-out somewhere; return its box, or None where there is no room for it."""
        stage = self.stage
        height, width = canvas.shape[:2]
        smallest, largest = (side * min(height, width) for side in stage.longer_side)
        side = smallest * (largest / smallest) ** rng.random()
        pose = paste.pose_of(
            cutout,
            paste.shape_matrix(rng, stage),
            max(side, SMALLEST_OBJECT_PX),
            rng,
            stage.perspective,
        )
        card = looks.card_margin(rng, pose.layer_wh, stage)
        spot = find_spot(rng, pose.box_px, (width, height), stage, taken, card=card)
        if spot is None:
            return None
        x, y, box = spot
        dressed = looks.dress(rng, paste.draw_pose(pose), stage, card)
        corner = x - dressed.margin, y - dressed.margin
        looks.paste_dressed(rng, canvas, dressed.pixels, corner, stage)
        return box


def picture_maker(
    stage: Stage,
    cutouts: Sequence[Cutout],
    photos: Sequence[NDArray[np.uint8]],
    size: int,
    seed: int,
    *,
    distractors: Sequence[Cutout] = (),
) -> PictureMaker:
    """Build the maker of a stage's pictures.

    Raises:
        TrainError: the stage needs photos and there are none.
    """
    if stage.background == "photo" and not photos:
        raise TrainError("this stage pastes on photos, and there are none; give a folder of them")
    if stage.objects == "white-box":
        cutouts = [cutout_from_bgra(np.full((128, 128, 4), 255, np.uint8), class_id=0)]
    by_class = [
        sorted(
            (c for c in cutouts if c.class_id == class_id),
            key=lambda c: -c.levels[0].shape[0],
        )
        for class_id in sorted({c.class_id for c in cutouts})
    ]
    kinds = [
        [d for d in distractors if d.class_id == kind]
        for kind in sorted({d.class_id for d in distractors})
    ]
    bank = camera.noise_bank(seed, size)
    return PictureMaker(stage, by_class, kinds, photos, size, seed, bank)


def with_bars(canvas: NDArray[np.uint8], size: int) -> tuple[NDArray[np.uint8], int, int]:
    """Centre a picture in the input that the localizer would take for it; return that, and where.

    size: the longer side of the input.
    """
    height, width = canvas.shape[:2]
    input_w, input_h = input_wh(width, height, size)
    x, y = (input_w - width) // 2, (input_h - height) // 2
    if (input_w, input_h) == (width, height):
        return canvas, 0, 0
    image = np.full((input_h, input_w, 3), BAR_GREY, np.uint8)
    image[y : y + height, x : x + width] = canvas
    return image, x, y


def find_spot(
    rng: Random,
    box_px: Box,
    canvas_wh: tuple[int, int],
    stage: Stage,
    taken: Sequence[Box],
    *,
    card: int = 0,
) -> tuple[int, int, Box] | None:
    """Find where to paste: the layer's corner (x, y) and the box, cut at the canvas's edges.

    Returns None when the object, or the card that reaches `card` pixels beyond it, cannot be placed
    without overlapping others too much.
    """
    width, height = canvas_wh
    box_w, box_h = box_px[2] - box_px[0], box_px[3] - box_px[1]
    for _ in range(TRIES_TO_PLACE):
        left = _place_along(rng, box_w, width, stage.edge_overhang)
        top = _place_along(rng, box_h, height, stage.edge_overhang)
        if left is None or top is None:
            return None
        x, y = round(left - box_px[0]), round(top - box_px[1])
        whole = (x + box_px[0], y + box_px[1], x + box_px[2], y + box_px[3])
        box = (max(0.0, whole[0]), max(0.0, whole[1]), min(width, whole[2]), min(height, whole[3]))
        if min(box[2] - box[0], box[3] - box[1]) < SMALLEST_OBJECT_PX / 2:
            continue
        covered = (box[0] - card, box[1] - card, box[2] + card, box[3] + card)
        if all(paste.overlaps_little(b, taken, stage.max_overlap) for b in (box, covered)):
            return x, y, box
    return None


def _place_along(rng: Random, side: float, room: int, overhang: float) -> float | None:
    """Draw a position along one axis; now and then the object may hang over the edge."""
    over = side * overhang if rng.random() < P_OVER_THE_EDGE else 0.0
    low, high = -over, room - side + over
    return None if low > high else low + (high - low) * rng.random()


def finish(
    rng: Random, canvas: NDArray[np.uint8], stage: Stage, bank: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Do to the whole picture what light, lens, sensor and compression do."""
    if stage.light:
        canvas = light.apply_cast(canvas, light.colour_cast(rng, stage.light))
    if rng.random() < stage.p_blur:
        canvas = camera.blur(canvas, rng, reach_px=2.5)
    if rng.random() < stage.p_low_resolution:
        canvas = camera.low_resolution(canvas, rng)
    if stage.noise and rng.random() < 0.5:
        canvas = camera.add_noise(canvas, rng, bank, float(rng.uniform(0, stage.noise)))
    if rng.random() < stage.p_jpeg:
        canvas = camera.jpeg(canvas, rng)
    if rng.random() < stage.p_video:
        canvas = camera.film_frame(canvas, rng)
    return canvas
