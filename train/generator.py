"""Make training pictures with exact boxes: cut-outs pasted on photos, as a stage says.

Cut, paste and learn (Dwibedi, Misra, Hebert, 2017: https://arxiv.org/abs/1708.01642). A picture
depends on the seed and its own index only, so any number of workers makes the same pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from engines.model_file import input_wh
from engines.padding import BAR_GREY
from train import camera, layers, looks, paste, sight
from train.backgrounds import make_background
from train.bend import random_bend
from train.chance import ASPECT_STREAM, one_of
from train.clutter import occluder, paste_decoys, paste_lookalikes
from train.cut_off import faded_box, seen_box
from train.cutouts import Cutout, cutout_from_bgra
from train.errors import TrainError
from train.filming import filmed, lit
from train.paste import Box
from train.samples import Sample
from train.sight import LEAST_SEEN, Traces
from train.spots import SMALLEST_OBJECT_PX, find_spot
from train.stages import Stage, emptied

TRIES_TO_SHOW = 8  # of a whole picture, each object in which can be seen
FINELY_DRAWN = 0.6  # of the longer side of the class's finest cut-out
EMPTY_SEED = 2_000_003  # added to the seed of pictures with objects, for those without
NOTHING = 0  # on the map of what lies uppermost: no object


@dataclass(frozen=True, eq=False)
class Placed:
    """A pasted thing: its box in pixels, its class (below 0: no object), what its pasting left."""

    box: Box
    class_id: int
    traces: Traces


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
        rng = np.random.default_rng([self.seed, ASPECT_STREAM, group])
        return one_of(rng, aspects)

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        """Make the picture of this index, 0 or more; without an aspect it has one of its own."""
        rng = np.random.default_rng([self.seed, index])
        stage = self.stage
        wide, high = aspect or self.aspect(index)
        long = max(wide, high)
        width, height = round(self.size * wide / long), round(self.size * high / long)
        for _ in range(TRIES_TO_SHOW):
            canvas, objects, seen = self._scene(rng, width, height)
            if len(seen) == len(objects):
                break
        image, x, y = with_bars(filmed(rng, canvas, stage, self.noise_bank), self.size)
        boxes = np.array([o.box for o in seen], np.float32).reshape(-1, 4)
        shifted = boxes + np.array([x, y, x, y], np.float32)
        return Sample(image, shifted, np.array([o.class_id for o in seen], np.int64))

    def at_size(self, size: int) -> "PictureMaker":
        """Return a maker of such pictures with a longer side of `size` pixels."""
        noise = camera.noise_for(self.noise_bank, self.seed, size)
        return replace(self, size=size, noise_bank=noise)

    def without_objects(self) -> "PictureMaker | None":
        """Return a maker of other pictures, without objects; None: the stage knows none on photos.

        Most are photos alone: those are what a camera mostly sees, and harder than other drawings.
        """
        if not self.stage.has_empty_photos:
            return None
        return replace(self, stage=emptied(self.stage), seed=self.seed + EMPTY_SEED)

    def _scene(
        self, rng: Random, width: int, height: int
    ) -> tuple[NDArray[np.uint8], list[Placed], list[Placed]]:
        """Draw all that lies before the camera; return that, the objects, and those to be seen."""
        stage = self.stage
        canvas = make_background(rng, stage, self.photos, width, height)
        if rng.random() < stage.p_decoy:
            paste_decoys(rng, canvas, self.photos, self._choose_class(rng))
        if stage.p_lookalike and rng.random() < stage.p_lookalike:
            paste_lookalikes(rng, canvas, self._choose_class(rng))
        uppermost = np.zeros((height, width), np.uint8)
        objects = self._paste_things(rng, canvas, uppermost)
        if objects and rng.random() < stage.p_occlude:
            hidden = one_of(rng, objects)
            cover, x, y = occluder(rng, hidden.box, self.photos, self._choose_class(rng))
            paste.blend(canvas, cover, x, y)
            sight.lie_uppermost(uppermost, layers.alpha_of(cover), x, y, NOTHING)
        canvas, cast = lit(rng, canvas, stage)
        seen = [
            o for o in objects if sight.part_seen(o.traces, canvas, uppermost, cast) >= LEAST_SEEN
        ]
        return canvas, objects, seen

    def _paste_things(
        self, rng: Random, canvas: NDArray[np.uint8], uppermost: NDArray[np.uint8]
    ) -> list[Placed]:
        """Paste objects and distractors in a random order; return the objects."""
        stage = self.stage
        things: list[Cutout] = []
        if self.distractors and rng.random() < stage.p_distractor:
            for _ in range(int(rng.integers(1, 3))):
                kind = one_of(rng, self.distractors)
                things.append(one_of(rng, kind))
        if rng.random() >= stage.p_absent:
            for _ in range(int(rng.integers(stage.count[0], stage.count[1] + 1))):
                things.append(self._choose(rng))
        placed: list[Placed] = []
        for n in rng.permutation(len(things)):
            one = self._place(rng, things[n], canvas, uppermost, placed)
            if one is not None:
                placed.append(one)
        return [one for one in placed if one.class_id >= 0]

    def _choose_class(self, rng: Random) -> Sequence[Cutout]:
        wanted = self.stage.classes
        drawn = [c for n, c in enumerate(self.cutouts) if wanted is None or n in wanted]
        drawn = drawn or [self.cutouts[0]]
        return one_of(rng, drawn)

    def _choose(self, rng: Random) -> Cutout:
        """Choose a class, then one of its cut-outs: half the time one of those drawn finely."""
        of_class = self._choose_class(rng)
        if rng.random() < 0.5:
            least = FINELY_DRAWN * longer_side_of(of_class[0])
            of_class = [c for c in of_class if longer_side_of(c) >= least]
        return one_of(rng, of_class)

    def _place(
        self,
        rng: Random,
        cutout: Cutout,
        canvas: NDArray[np.uint8],
        uppermost: NDArray[np.uint8],
        placed: Sequence[Placed],
    ) -> Placed | None:
        """Paste a cut-out somewhere, or return None where there is no room for it."""
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
            bend=random_bend(rng) if stage.p_bend and rng.random() < stage.p_bend else None,
        )
        card = looks.card_margin(rng, pose.layer_wh, stage)
        taken = [one.box for one in placed]
        spot = find_spot(rng, pose.box_px, (width, height), stage, taken, card=card)
        if spot is None:
            return None
        x, y = spot
        layer = paste.draw_pose(pose)
        box = seen_box(layer, x, y, canvas)
        if box is None:
            return None
        dressed = looks.dress(rng, layer, stage, card)
        corner = x - dressed.margin, y - dressed.margin
        part = paste.visible_parts(canvas, layer.pixels, x, y)
        before = canvas[:0] if part is None else part[0].copy()
        pasted = looks.paste_dressed(rng, canvas, dressed.pixels, corner, stage)
        if not card:
            box = faded_box(box, dressed.pixels, pasted, corner, canvas)
        number = len(placed) + 1
        sight.lie_uppermost(uppermost, layers.alpha_of(dressed.pixels), *corner, number)
        traces = sight.Traces(number, layer.pixels, x, y, before)
        return Placed(box, cutout.class_id, traces)


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
            key=longer_side_of,
            reverse=True,
        )
        for class_id in sorted({c.class_id for c in cutouts})
    ]
    kinds = [
        [d for d in distractors if d.class_id == kind]
        for kind in sorted({d.class_id for d in distractors})
    ]
    bank = camera.noise_bank(seed, size)
    return PictureMaker(stage, by_class, kinds, photos, size, seed, bank)


def longer_side_of(cutout: Cutout) -> int:
    """Return the longer side of a cut-out's first level, in pixels; pixel art is enlarged there."""
    return int(max(cutout.levels[0].shape[:2]))


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
