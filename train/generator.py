"""Make training pictures with exact boxes: cut-outs pasted on photos, as a stage says.

Cut, paste and learn (Dwibedi, Misra, Hebert, 2017: https://arxiv.org/abs/1708.01642). A picture
depends on the seed and its own index only, so any number of workers makes the same pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import light, paste
from train.cutouts import Cutout, cutout_from_bgra
from train.errors import TrainError
from train.paste import Box
from train.stages import Stage

BAR_GREY = 114  # the letterbox bars of rtloc.letterbox
SMALLEST_OBJECT_PX = 10.0
TRIES_TO_PLACE = 8


@dataclass(frozen=True, eq=False)
class Sample:
    """A training picture.

    image: uint8 [S, S, 3], BGR.
    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels.
    class_ids: int64 [N].
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PictureMaker:
    """Makes the pictures of one stage; `make(i)` gives the i-th.

    cutouts: of all classes; photos: uint8 [H, W, 3] BGR each (may be empty on a black background);
    size: S, the side of the pictures in pixels; noise_bank: unit noise, from `noise_bank(seed)`.
    """

    stage: Stage
    cutouts: Sequence[Cutout]
    photos: Sequence[NDArray[np.uint8]]
    size: int
    seed: int
    noise_bank: NDArray[np.float32]

    def make(self, index: int) -> Sample:
        """Make the picture of this index, 0 or more."""
        rng = np.random.default_rng([self.seed, index])
        stage = self.stage
        content_w, content_h = content_size(rng, stage, self.size)
        canvas = self._background(rng, content_w, content_h)
        if rng.random() < stage.p_decoy:
            self._paste_decoys(rng, canvas)
        boxes, class_ids = self._paste_objects(rng, canvas)
        canvas = finish(rng, canvas, stage, self.noise_bank)
        image = np.full((self.size, self.size, 3), BAR_GREY, np.uint8)
        x, y = (self.size - content_w) // 2, (self.size - content_h) // 2
        image[y : y + content_h, x : x + content_w] = canvas
        shifted = np.array(boxes, np.float32).reshape(-1, 4) + np.array([x, y, x, y], np.float32)
        return Sample(image, shifted, np.array(class_ids, np.int64))

    def _background(self, rng: Random, width: int, height: int) -> NDArray[np.uint8]:
        if self.stage.background == "black":
            return np.zeros((height, width, 3), np.uint8)
        photo = self.photos[int(rng.integers(len(self.photos)))]
        crop = random_crop(rng, photo, width, height)
        if rng.random() < 0.25:
            other = self.photos[int(rng.integers(len(self.photos)))]
            crop = mix_photos(rng, crop, random_crop(rng, other, width, height))
        if rng.random() < 0.5:
            crop = np.ascontiguousarray(crop[:, ::-1])
        return light.apply_cast(crop, light.colour_cast(rng, 1.3 * self.stage.light))

    def _paste_objects(self, rng: Random, canvas: NDArray[np.uint8]) -> tuple[list[Box], list[int]]:
        stage = self.stage
        boxes: list[Box] = []
        class_ids: list[int] = []
        if rng.random() < stage.p_absent:
            return boxes, class_ids
        for _ in range(int(rng.integers(stage.count[0], stage.count[1] + 1))):
            cutout = self._choose(rng)
            placed = self._place(rng, cutout, canvas, boxes)
            if placed is not None:
                boxes.append(placed)
                class_ids.append(cutout.class_id)
        return boxes, class_ids

    def _choose(self, rng: Random) -> Cutout:
        """Choose a class, then one of its cut-outs: half the time the one drawn finest."""
        ids = sorted({c.class_id for c in self.cutouts})
        if self.stage.classes is not None:
            ids = [i for i in ids if i in self.stage.classes] or ids[:1]
        class_id = ids[int(rng.integers(len(ids)))]
        of_class = [c for c in self.cutouts if c.class_id == class_id]
        finest = max(of_class, key=lambda c: c.levels[0].shape[0])
        return finest if rng.random() < 0.5 else of_class[int(rng.integers(len(of_class)))]

    def _place(
        self, rng: Random, cutout: Cutout, canvas: NDArray[np.uint8], taken: Sequence[Box]
    ) -> Box | None:
        stage = self.stage
        height, width = canvas.shape[:2]
        smallest, largest = (side * min(height, width) for side in stage.longer_side)
        side = np.exp(rng.uniform(np.log(smallest), np.log(largest)))
        layer = paste.transform_cutout(
            cutout, paste.shape_matrix(rng, stage), max(side, SMALLEST_OBJECT_PX)
        )
        if layer is None:
            return None
        spot = find_spot(rng, layer.tight_xyxy_px, (width, height), stage, taken)
        if spot is None:
            return None
        x, y, box = spot
        pixels = layer.pixels
        if stage.object_light:
            pixels = light.apply_cast_premultiplied(
                pixels, light.colour_cast(rng, stage.object_light)
            )
        if rng.random() < stage.p_object_blur:
            pixels = light.blur(pixels, rng, reach_px=0.04 * float(side))
        paste.blend(canvas, pixels, x, y)
        return box

    def _paste_decoys(self, rng: Random, canvas: NDArray[np.uint8]) -> None:
        """Paste shapes that are no objects, so that neither a seam nor an outline alone tells.

        Half are the objects' own outlines filled with a photo, half are plain shapes in one colour.
        """
        height, width = canvas.shape[:2]
        for _ in range(int(rng.integers(1, 4))):
            side = np.exp(rng.uniform(np.log(0.1), np.log(0.8))) * min(height, width)
            if rng.random() < 0.5:
                layer = paste.transform_cutout(
                    self._choose(rng), paste.shape_matrix(rng, self.stage), side
                )
                if layer is None:
                    continue
                alpha = layer.pixels[..., 3:]
            else:
                alpha = random_shape(rng, int(side) + 3)
            fill = self._decoy_fill(rng, alpha.shape[1], alpha.shape[0])
            pixels = np.concatenate([fill * (alpha / 255), alpha], axis=2).astype(np.float32)
            x = int(rng.integers(-pixels.shape[1] // 2, width))
            y = int(rng.integers(-pixels.shape[0] // 2, height))
            paste.blend(canvas, pixels, x, y)

    def _decoy_fill(self, rng: Random, width: int, height: int) -> NDArray[np.float32]:
        if rng.random() < 0.5 or not self.photos:
            colour = rng.uniform(0, 255, 3)
            return np.broadcast_to(colour, (height, width, 3)).astype(np.float32)
        photo = self.photos[int(rng.integers(len(self.photos)))]
        return random_crop(rng, photo, width, height).astype(np.float32)


def noise_bank(seed: int, size: int) -> NDArray[np.float32]:
    """Draw unit noise, float32 [size + 64, size + 64, 3], for `PictureMaker`."""
    rng = np.random.default_rng([seed, 0x6E6F])
    return rng.standard_normal((size + 64, size + 64, 3), np.float32)


def picture_maker(
    stage: Stage,
    cutouts: Sequence[Cutout],
    photos: Sequence[NDArray[np.uint8]],
    size: int,
    seed: int,
) -> PictureMaker:
    """Build the maker of a stage's pictures.

    Raises:
        TrainError: the stage needs photos and there are none.
    """
    if stage.background == "photo" and not photos:
        raise TrainError("this stage pastes on photos, and there are none; give a folder of them")
    if stage.objects == "white-box":
        cutouts = [cutout_from_bgra(np.full((128, 128, 4), 255, np.uint8), class_id=0)]
    return PictureMaker(stage, cutouts, photos, size, seed, noise_bank(seed, size))


def content_size(rng: Random, stage: Stage, size: int) -> tuple[int, int]:
    """Draw width and height of the part inside the letterbox bars: square, or as cameras film."""
    if rng.random() >= stage.p_letterbox:
        return size, size
    aspect = float(rng.choice([16 / 9, 16 / 9, 4 / 3, 3 / 4, 9 / 16]))
    return (size, round(size / aspect)) if aspect > 1 else (round(size * aspect), size)


def random_crop(
    rng: Random, photo: NDArray[np.uint8], width: int, height: int
) -> NDArray[np.uint8]:
    """Cut a random part of a photo and resize it to height × width."""
    fit = min(photo.shape[1] / width, photo.shape[0] / height)
    scale = fit * rng.uniform(0.35, 1.0)
    crop_w, crop_h = max(1, int(width * scale)), max(1, int(height * scale))
    x = int(rng.integers(0, photo.shape[1] - crop_w + 1))
    y = int(rng.integers(0, photo.shape[0] - crop_h + 1))
    crop = photo[y : y + crop_h, x : x + crop_w]
    return cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def mix_photos(
    rng: Random, first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Lay one photo over another: either as a blend or with a straight edge between them."""
    if rng.random() < 0.5:
        part = float(rng.uniform(0.2, 0.5))
        return cv2.addWeighted(first, 1 - part, second, part, 0).astype(np.uint8)
    mixed = first.copy()
    cut = int(rng.integers(first.shape[1] // 4, 3 * first.shape[1] // 4 + 1))
    mixed[:, cut:] = second[:, cut:]
    return mixed


def random_shape(rng: Random, side: int) -> NDArray[np.float32]:
    """Draw the alpha of an ellipse or a polygon, float32 [side, side, 1], 0..255."""
    alpha = np.zeros((side, side), np.uint8)
    if rng.random() < 0.5:
        axes = (int(side * rng.uniform(0.15, 0.48)), int(side * rng.uniform(0.15, 0.48)))
        centre = (side // 2, side // 2)
        cv2.ellipse(alpha, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    else:
        corners = rng.uniform(0, side, (int(rng.integers(3, 8)), 2)).astype(np.int32)
        cv2.fillPoly(alpha, [cv2.convexHull(corners)], 255, cv2.LINE_AA)
    return alpha[..., None].astype(np.float32)


def find_spot(
    rng: Random,
    tight: Box,
    canvas_wh: tuple[int, int],
    stage: Stage,
    taken: Sequence[Box],
) -> tuple[int, int, Box] | None:
    """Find where to paste: the layer's corner (x, y) and the box, cut at the canvas's edges.

    Returns None when the object cannot be placed without overlapping others too much.
    """
    width, height = canvas_wh
    box_w, box_h = tight[2] - tight[0], tight[3] - tight[1]
    for _ in range(TRIES_TO_PLACE):
        left = _place_along(rng, box_w, width, stage.edge_overhang)
        top = _place_along(rng, box_h, height, stage.edge_overhang)
        if left is None or top is None:
            return None
        x, y = round(left - tight[0]), round(top - tight[1])
        whole = (x + tight[0], y + tight[1], x + tight[2], y + tight[3])
        box = (max(0, whole[0]), max(0, whole[1]), min(width, whole[2]), min(height, whole[3]))
        if min(box[2] - box[0], box[3] - box[1]) < SMALLEST_OBJECT_PX / 2:
            continue
        if all(paste.overlap_of_smaller(box, other) <= stage.max_overlap for other in taken):
            return x, y, box
    return None


def _place_along(rng: Random, side: float, room: int, overhang: float) -> float | None:
    """Draw a position along one axis; a quarter of the time the object may hang over the edge."""
    over = side * overhang if rng.random() < 0.25 else 0.0
    low, high = -over, room - side + over
    return None if low > high else float(rng.uniform(low, high))


def finish(
    rng: Random, canvas: NDArray[np.uint8], stage: Stage, bank: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Do to the whole picture what light, lens, sensor and compression do."""
    if stage.light:
        canvas = light.apply_cast(canvas, light.colour_cast(rng, stage.light))
    if rng.random() < stage.p_blur:
        canvas = light.blur(canvas, rng, reach_px=2.5)  # type: ignore[arg-type, assignment]
    if rng.random() < stage.p_low_resolution:
        canvas = light.low_resolution(canvas, rng)
    if stage.noise and rng.random() < 0.5:
        canvas = light.add_noise(canvas, rng, bank, float(rng.uniform(0, stage.noise)))
    if rng.random() < stage.p_jpeg:
        canvas = light.jpeg(canvas, rng)
    return canvas
