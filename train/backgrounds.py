"""Make the background of a training picture: a crop of a photo, or something made up."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator as Random
from numpy.typing import NDArray

from train import light
from train.chance import one_of
from train.stages import Stage

Image = NDArray[np.uint8]


def make_background(
    rng: Random, stage: Stage, photos: Sequence[Image], width: int, height: int
) -> Image:
    """Make a background, uint8 [height, width, 3] BGR, as the stage says."""
    if stage.background == "black":
        return np.zeros((height, width, 3), np.uint8)
    drawn = rng.random()
    if drawn < stage.p_synthetic:
        return made_up(rng, width, height)
    if drawn < stage.p_synthetic + stage.p_repeated:
        return repeated(rng, one_of(rng, photos), width, height)
    crop = random_crop(rng, one_of(rng, photos), width, height)
    if rng.random() < stage.p_mixed:
        other = one_of(rng, photos)
        crop = mix_photos(rng, crop, random_crop(rng, other, width, height))
    if rng.random() < stage.p_mirrored_photo:
        crop = cv2.flip(crop, 1).astype(np.uint8, copy=False)
    if rng.random() < stage.p_upside_down:
        crop = cv2.flip(crop, 0).astype(np.uint8, copy=False)
    if rng.random() < stage.p_other_colours:
        crop = light.apply_cast(crop, light.other_colours(rng))
    return light.apply_cast(crop, light.colour_cast(rng, 1.3 * stage.light))


def random_crop(rng: Random, photo: Image, width: int, height: int) -> Image:
    """Cut a random part of a photo and resize it to height × width."""
    fit = min(photo.shape[1] / width, photo.shape[0] / height)
    scale = fit * rng.uniform(0.25, 1.0)
    crop_w, crop_h = max(1, int(width * scale)), max(1, int(height * scale))
    x = int(rng.integers(0, photo.shape[1] - crop_w + 1))
    y = int(rng.integers(0, photo.shape[0] - crop_h + 1))
    crop = photo[y : y + crop_h, x : x + crop_w]
    resized = cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def mix_photos(rng: Random, first: Image, second: Image) -> Image:
    """Lay one photo over another: either as a blend or with a straight edge between them."""
    if rng.random() < 0.5:
        part = float(rng.uniform(0.2, 0.5))
        return cv2.addWeighted(first, 1 - part, second, part, 0).astype(np.uint8, copy=False)
    mixed = first.copy()
    cut = int(rng.integers(first.shape[1] // 4, 3 * first.shape[1] // 4 + 1))
    mixed[:, cut:] = second[:, cut:]
    return mixed


def made_up(rng: Random, width: int, height: int) -> Image:
    """Draw coloured clouds: noise on a coarse grid, made smooth, with or without hard edges."""
    cells = int(rng.integers(1, 12))
    coarse = rng.uniform(0, 255, (cells + 1, cells + 1, 3)).astype(np.uint8)
    way = cv2.INTER_NEAREST if rng.random() < 0.3 else cv2.INTER_CUBIC
    return cv2.resize(coarse, (width, height), interpolation=way).astype(np.uint8, copy=False)


def repeated(rng: Random, photo: Image, width: int, height: int) -> Image:
    """Repeat a pattern, seen at a slant, as facades, fences, tiles and keyboards do.

    The pattern is a photo made small, or a rectangle on another colour.
    """
    columns, rows = (int(n) for n in rng.integers(3, 14, 2))
    w, h = max(4, width // columns), max(4, height // rows)
    if rng.random() < 0.5:
        pattern = random_crop(rng, photo, w, h)
    else:
        pattern = np.full((h, w, 3), rng.uniform(0, 255, 3), np.uint8)
        left, top = (int(n) for n in rng.uniform(0, 0.4, 2) * (w, h))
        right, bottom = (int(n) for n in rng.uniform(0.6, 1, 2) * (w, h))
        pattern[top:bottom, left:right] = rng.uniform(0, 255, 3)
    wall = np.tile(pattern, (-(-height // h), -(-width // w), 1))[:height, :width]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = (corners + rng.uniform(-0.2, 0.2, (4, 2)) * (width, height)).astype(np.float32)
    slant = cv2.getPerspectiveTransform(corners, moved)
    seen = cv2.warpPerspective(wall, slant, (width, height), borderMode=cv2.BORDER_REFLECT)
    return seen.astype(np.uint8, copy=False)
