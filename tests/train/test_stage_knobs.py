"""What a stage's knobs do to a picture: nothing at 0, and each something of its own above it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from train.generator import PictureMaker
from train.stages import CHARMANDER, Stage

# what a knob is turned on: nothing else varies in these
ON_BLACK = replace(CHARMANDER, longer_side=(0.6, 0.6))
ON_PHOTO = replace(ON_BLACK, background="photo", p_mixed=0.0, p_mirrored_photo=0.0)
BLACK = replace(ON_BLACK, p_absent=1.0)
PHOTO = replace(ON_PHOTO, p_absent=1.0)
OUT_OF_FOCUS = replace(ON_BLACK, p_motion=0.0)
BY_MOTION = replace(ON_BLACK, p_motion=1.0)
BLURRED = replace(ON_BLACK, p_blur=1.0)
BLURRED_OBJECT = replace(ON_BLACK, p_object_blur=1.0)
NOISY = replace(ON_BLACK, p_noise=1.0, noise=10.0)

PICTURES = 8
FAINT = 4  # pixels beyond a box that may be seen a little
REDS = 40, 220  # of the two photos
SOMETIMES = {"p_poisson"}  # where it does not spoil the object

BOX_STAYS = [
    ("object_light", 0.7, ON_BLACK),
    ("p_recolour", 1.0, ON_BLACK),
    ("p_restyle", 1.0, ON_BLACK),
    ("p_shading", 1.0, ON_BLACK),
    ("p_object_blur", 1.0, ON_BLACK),
    ("p_shadow", 1.0, ON_PHOTO),
    ("p_poisson", 1.0, ON_PHOTO),
    ("p_occlude", 1.0, ON_BLACK),
    ("light", 0.5, ON_BLACK),
    ("p_blur", 1.0, OUT_OF_FOCUS),
    ("p_blur", 1.0, BY_MOTION),
    ("p_motion", 1.0, BLURRED),
    ("p_motion", 1.0, BLURRED_OBJECT),
    ("p_noise", 1.0, NOISY),
    ("noise", 10.0, NOISY),
    ("p_low_resolution", 1.0, ON_BLACK),
    ("p_jpeg", 1.0, ON_BLACK),
    ("p_video", 1.0, ON_BLACK),
    ("p_decoy", 1.0, BLACK),
    ("p_lookalike", 1.0, BLACK),
    ("p_synthetic", 1.0, PHOTO),
    ("p_repeated", 1.0, PHOTO),
    ("p_mixed", 1.0, PHOTO),
    ("p_mirrored_photo", 1.0, PHOTO),
    ("p_upside_down", 1.0, PHOTO),
    ("p_other_colours", 1.0, PHOTO),
]
BOX_MOVES = [
    ("p_flip", 1.0, ON_BLACK),
    ("rotation_deg", 18.0, ON_BLACK),
    ("shear", 0.08, ON_BLACK),
    ("squeeze", 0.1, ON_BLACK),
    ("perspective", 0.08, ON_BLACK),
    ("p_bend", 1.0, ON_BLACK),
    ("p_card", 1.0, ON_BLACK),
    ("p_feather", 1.0, ON_BLACK),
]


@pytest.fixture
def on_slopes(maker: PictureMaker) -> PictureMaker:
    """A maker on two photos: blue rises to the right, green downwards, red is the same all over."""
    slope = np.linspace(60, 180, 96).astype(np.uint8)
    blue, green = np.meshgrid(slope, slope)
    photos = [np.dstack([blue, green, np.full_like(blue, red)]) for red in REDS]
    return replace(maker, photos=photos).at_size(128)


def without_black(image: np.ndarray) -> np.ndarray:
    """Cut off the black round what is in a picture, so that it does not matter where that lies."""
    x, y, width, height = cv2.boundingRect(image.max(axis=2))
    return image[y : y + height, x : x + width]


@pytest.mark.parametrize(
    ("knob", "value", "base", "box_stays"),
    [(*case, True) for case in BOX_STAYS] + [(*case, False) for case in BOX_MOVES],
    ids=[case[0] for case in BOX_STAYS + BOX_MOVES],
)
def test_each_knob_changes_a_plain_picture(
    on_slopes: PictureMaker, knob: str, value: float, base: Stage, box_stays: bool
) -> None:
    plain, varied = (
        replace(on_slopes, stage=replace(base, **{knob: turned})) for turned in (0.0, value)
    )
    changed = []
    for n in range(PICTURES):
        before, after = plain.make(n), varied.make(n)
        pixels = without_black(before.image), without_black(after.image)
        changed.append(not np.array_equal(*pixels))
        assert np.array_equal(before.boxes, after.boxes) or not box_stays
    assert all(changed) or (knob in SOMETIMES and any(changed))


@pytest.mark.parametrize("base", [ON_BLACK, ON_PHOTO, BLACK, PHOTO])
def test_with_all_knobs_at_0_there_is_but_an_object_on_black_or_on_a_photo(
    on_slopes: PictureMaker, base: Stage
) -> None:
    for sample in map(replace(on_slopes, stage=base).make, range(PICTURES)):
        image = sample.image.astype(int)
        around = np.ones(image.shape[:2], bool)
        for x1, y1, x2, y2 in sample.boxes.round().astype(int).tolist():
            around[max(0, y1 - FAINT) : y2 + FAINT, max(0, x1 - FAINT) : x2 + FAINT] = False
            assert image[y1:y2, x1:x2].std() > 30
        assert around.all() == (base.p_absent == 1)
        if base.background == "black":
            assert not image[around].any()
        else:
            assert ((image >= 60) & (image <= 180))[around][:, :2].all()
            across, down = np.diff(image[..., 0], axis=1), np.diff(image[..., 1], axis=0)
            assert (across[around[:, 1:] & around[:, :-1]] >= 0).all()
            assert (down[around[1:] & around[:-1]] >= 0).all()
            assert set(image[around][:, 2].tolist()) < set(REDS)
