"""Making pictures: the same ones every time, with boxes that are exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.backgrounds import made_up, mix_photos, random_crop, repeated
from train.batches import Beginning, GeneratedBatches, batches
from train.clutter import flower, in_petals, paste_lookalikes, patches, random_shape, sign
from train.cutouts import SEEN_ALPHA, Cutout, cutout_from_bgra, load_cutouts, load_distractors
from train.data_set import (
    CUTOUTS,
    HELD_OUT_DISTRACTORS,
    HELD_OUT_PHOTOS,
    PHOTOS,
    load_data_set,
    views_of,
)
from train.errors import TrainError
from train.generator import BAR_GREY, PictureMaker, picture_maker
from train.paste import NEXT_LEVEL, overlap_of_smaller
from train.photos import load_photos
from train.samples import Sample
from train.spots import find_spot
from train.stages import (
    MANY_OBJECTS,
    MAYBE_ABSENT,
    MULTI_CLASS,
    REAL_BACKGROUND,
    STAGES,
    TRANSFORMED,
    Stage,
)

EVERY_STAGE = pytest.mark.parametrize("stage", list(STAGES))
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(scope="module")
def cutouts() -> list[Cutout]:
    return load_cutouts(CUTOUTS)[1]


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    return load_photos(HELD_OUT_PHOTOS)


@pytest.fixture
def make(cutouts: list[Cutout], photos: list[np.ndarray]):
    """Build a maker of pictures over the shipped cut-outs and photos."""

    distractors = views_of(load_distractors(HELD_OUT_DISTRACTORS).values())

    def build(stage: Stage, size: int = 128, seed: int = 0) -> PictureMaker:
        return picture_maker(stage, cutouts, photos, size, seed, distractors=distractors)

    return build


def equal(a: Sample, b: Sample) -> bool:
    return all(
        np.array_equal(getattr(a, x), getattr(b, x)) for x in ("image", "boxes", "class_ids")
    )


def bounding_box(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@EVERY_STAGE
def test_every_stage_makes_pictures_with_boxes_inside_them(make, stage: str) -> None:
    maker = make(STAGES[stage])
    boxes = 0
    for sample in map(maker.make, range(40)):
        height, width = sample.image.shape[:2]
        assert max(height, width) == 128
        assert (height % 32, width % 32) == (0, 0)
        assert sample.image.dtype == np.uint8
        assert sample.boxes.dtype == np.float32
        assert sample.boxes.shape == (len(sample.class_ids), 4)
        assert sample.class_ids.dtype == np.int64
        assert (sample.boxes >= 0).all()
        assert (sample.boxes <= (width, height, width, height)).all()
        assert (sample.boxes[:, 2:] - sample.boxes[:, :2] >= 5).all()
        boxes += len(sample.boxes)
    assert boxes >= 20


@pytest.mark.parametrize("size", [96, 320])
def test_pictures_may_be_smaller_or_larger_than_the_makers(make, size: int) -> None:
    maker = make(replace(STAGES["many-objects"], noise=10.0), 128).at_size(size)
    for sample in map(maker.make, range(8)):
        assert max(sample.image.shape) == size


@EVERY_STAGE
def test_the_same_seed_and_index_give_the_same_picture(make, stage: str) -> None:
    first, second = make(STAGES[stage], seed=5), make(STAGES[stage], seed=5)
    backwards = [second.make(n) for n in reversed(range(6))]
    for n in range(6):
        assert equal(first.make(n), backwards[5 - n])


@EVERY_STAGE
def test_another_seed_or_index_gives_another_picture(make, stage: str) -> None:
    maker, other = make(STAGES[stage], seed=5), make(STAGES[stage], seed=6)
    assert not np.array_equal(maker.make(0).image, maker.make(1).image)
    assert not np.array_equal(maker.make(0).image, other.make(0).image)


@pytest.mark.parametrize("size", [64, 96, 160, 320])
def test_the_white_boxs_box_is_the_bounding_box_of_what_is_not_black(make, size: int) -> None:
    maker = make(STAGES["white-box"], size)
    for sample in map(maker.make, range(50)):
        seen = bounding_box(sample.image.max(axis=2) >= 128)
        assert np.abs(sample.boxes[0] - seen).max() <= 0.51
        assert sample.image.max() == 255


def white(cutout: Cutout) -> Cutout:
    """Return the silhouette of a cut-out, which can be seen on black wherever it is opaque."""
    alphas = (level[..., 3] for level in cutout.levels)
    return replace(cutout, levels=tuple(np.stack([alpha] * 4, axis=2) for alpha in alphas))


@pytest.mark.parametrize(
    ("stage", "most_px"),
    [
        ("charmander", 1),
        # of one drawing thin claws at the bottom are averaged away in the last row of a coarse
        # level, a pixel of which may be this large in the picture; the box goes by the finest level
        ("any-size", 2 / NEXT_LEVEL),
    ],
    ids=["charmander", "any-size"],
)
def test_a_box_on_black_is_as_tight_as_half_seen_edges_allow(
    cutouts: list[Cutout], photos: list[np.ndarray], stage: str, most_px: float
) -> None:
    whites = list(map(white, cutouts))
    missed = []
    for seed in range(12):
        maker = picture_maker(STAGES[stage], whites, photos, 160, seed)
        for sample in map(maker.make, range(100)):
            seen = bounding_box(sample.image.max(axis=2) >= SEEN_ALPHA)
            missed.append(np.abs(sample.boxes[0] - seen).max())
    assert max(missed) <= most_px
    assert np.mean(np.greater(missed, 1)) < 0.01


def test_a_quarter_of_the_pictures_side_is_kept(make) -> None:
    maker = make(STAGES["charmander"], 320)
    for sample in map(maker.make, range(20)):
        longer = (sample.boxes[0, 2:] - sample.boxes[0, :2]).max()
        assert longer == pytest.approx(80, abs=1e-3)


def test_sizes_are_spread_over_the_stages_range(make) -> None:
    maker = make(STAGES["any-size"], 160)
    longer = [(s.boxes[0, 2:] - s.boxes[0, :2]).max() / 160 for s in map(maker.make, range(200))]
    assert 0.15 <= min(longer) < 0.2
    assert 0.8 < max(longer) <= 0.92


def test_objects_are_absent_as_often_as_the_stage_says(make) -> None:
    maker = make(MAYBE_ABSENT, 64)
    absent = np.mean([len(maker.make(n).boxes) == 0 for n in range(1000)])
    assert abs(absent - 0.25) < 0.05  # 3.6 standard deviations


def test_objects_are_always_there_where_the_stage_says_so(make) -> None:
    maker = make(REAL_BACKGROUND)
    assert all(len(maker.make(n).boxes) == 1 for n in range(200))


@pytest.mark.parametrize(
    ("stage", "ids"),
    [("white-box", {0}), ("charmander", {1}), ("maybe-absent", {1}), ("multi-class", {0, 1, 2, 3})],
)
def test_a_stage_draws_its_own_classes(make, stage: str, ids: set[int]) -> None:
    maker = make(STAGES[stage], 64)
    drawn = np.concatenate([maker.make(n).class_ids for n in range(80)])
    assert set(drawn.tolist()) == ids


def test_classes_are_drawn_equally_often_however_many_cutouts_they_have(
    cutouts: list[Cutout],
) -> None:
    one_of_class_0 = [c for n, c in enumerate(cutouts) if c.class_id > 0 or n == 0]
    stage = replace(MULTI_CLASS, background="black", p_absent=0.0)
    maker = picture_maker(stage, one_of_class_0, [], 64, seed=0)
    counts = np.bincount(np.concatenate([maker.make(n).class_ids for n in range(600)]))
    assert (np.abs(counts / counts.sum() - 1 / 4) < 0.07).all()


def test_half_the_objects_are_as_finely_drawn_as_any_nearly_is() -> None:
    sides = {250: 500, 200: 400, 150: 200, 100: 50}  # by their grey level
    squares = [
        cutout_from_bgra(np.dstack([np.full((side, side, 3), grey), np.full((side, side), 255)]), 1)
        for grey, side in sides.items()
    ]
    maker = picture_maker(STAGES["charmander"], squares, [], 64, seed=5)
    greys = [int(maker.make(n).image.max()) for n in range(800)]
    parts = {grey: np.mean([abs(g - grey) < 25 for g in greys]) for grey in sides}
    assert sum(parts.values()) == 1
    for grey, wanted in {250: 3 / 8, 200: 3 / 8, 150: 1 / 8, 100: 1 / 8}.items():
        assert parts[grey] == pytest.approx(wanted, abs=0.06)


def test_a_stage_of_one_class_works_with_cutouts_of_others(cutouts: list[Cutout]) -> None:
    only_class_0 = [c for c in cutouts if c.class_id == 0]
    sample = picture_maker(STAGES["charmander"], only_class_0, [], 64, seed=0).make(0)
    assert sample.class_ids.tolist() == [0]


def test_many_objects_overlap_only_so_far_and_hang_over_edges(make) -> None:
    maker = make(MANY_OBJECTS)
    counts, at_edge = set(), 0
    for sample in map(maker.make, range(150)):
        counts.add(len(sample.boxes))
        at_edge += int((sample.boxes[:, :2] == 0).any())
        for a, b in combinations(sample.boxes.tolist(), 2):
            assert overlap_of_smaller(a, b) <= MANY_OBJECTS.max_overlap + 1e-6
    assert counts == {0, 1, 2, 3, 4, 5}
    assert at_edge > 10


def bars(image: np.ndarray) -> list[int]:
    """Measure the plain grey at the left, top, right and bottom."""
    grey = (image == BAR_GREY).all(axis=2)
    widths = []
    for lines in (grey.T, grey, grey.T[::-1], grey[::-1]):
        full = lines.all(axis=1)
        widths.append(len(full) if full.all() else int(full.argmin()))
    return widths


@pytest.mark.parametrize(
    ("aspect", "input_wh", "content_wh"),
    [
        ((16, 9), (128, 96), (128, 72)),
        ((9, 16), (96, 128), (72, 128)),
        ((1, 1), (128, 128), (128, 128)),
    ],
)
def test_bars_are_plain_grey_and_hold_no_object(
    make, aspect: tuple[int, int], input_wh: tuple[int, int], content_wh: tuple[int, int]
) -> None:
    maker = make(replace(MANY_OBJECTS, p_absent=0.0))
    across, down = ((i - c) // 2 for i, c in zip(input_wh, content_wh, strict=True))
    for n in range(30):
        sample = maker.make(n, aspect)
        assert sample.image.shape[1::-1] == input_wh
        assert bars(sample.image) == [across, down, across, down]
        for x1, y1, x2, y2 in sample.boxes.tolist():
            assert across <= x1 < x2 <= input_wh[0] - across
            assert down <= y1 < y2 <= input_wh[1] - down


def test_the_aspects_are_those_of_the_stage(make) -> None:
    maker = make(REAL_BACKGROUND)
    assert {maker.aspect(n) for n in range(100)} == set(REAL_BACKGROUND.aspects)
    assert {make(TRANSFORMED).aspect(n) for n in range(20)} == {(1, 1)}


def test_distractors_are_drawn_but_get_no_box(make) -> None:
    nothing = replace(MANY_OBJECTS, background="black", p_absent=1.0, p_decoy=0.0, p_occlude=0.0)
    drawn = make(replace(nothing, p_distractor=1.0, light=0.0))
    pictures = [drawn.make(n, (1, 1)) for n in range(20)]
    assert all(len(sample.boxes) == 0 for sample in pictures)
    assert np.mean([(sample.image.max(axis=2) > 60).sum() > 30 for sample in pictures]) > 0.7
    bare = make(replace(nothing, p_distractor=0.0, light=0.0, noise=0.0))
    assert all(bare.make(n, (1, 1)).image.max() < 30 for n in range(20))


def test_a_kind_of_one_distractor_is_drawn_as_often_as_one_of_many() -> None:
    def drawing(colour: tuple[int, int, int], kind: int) -> Cutout:
        return cutout_from_bgra(np.full((64, 64, 4), (*colour, 255), np.uint8), kind)

    blue, red = drawing((255, 0, 0), -1), drawing((0, 0, 255), -2)
    stage = Stage(p_absent=1.0, p_distractor=1.0)
    maker = picture_maker(stage, [blue], [], 64, 5, distractors=[red, *[blue] * 30])
    images = [maker.make(n).image for n in range(240)]
    reds, blues = (sum(image[..., c].max() > 200 for image in images) for c in (2, 0))
    assert reds + blues >= 240
    assert 0.7 < reds / blues < 1.4  # 30 to one, if kinds did not count


def test_a_card_does_not_cover_another_object(make) -> None:
    rng = np.random.default_rng(0)
    taken = [(20.0, 20.0, 40.0, 40.0)]
    stage = Stage(max_overlap=0.0)
    found = 0
    for _ in range(200):
        spot = find_spot(rng, (0.0, 0.0, 10.0, 10.0), (64, 64), stage, taken, card=8)
        if spot is not None:
            found += 1
            x, y = spot
            grown = (x - 8, y - 8, x + 18, y + 18)
            assert overlap_of_smaller(grown, taken[0]) == 0
    assert found > 100


def test_a_stage_on_photos_needs_some(cutouts: list[Cutout]) -> None:
    with pytest.raises(TrainError, match="there are none; give a folder of them"):
        picture_maker(REAL_BACKGROUND, cutouts, [], 64, seed=0)
    assert picture_maker(TRANSFORMED, cutouts, [], 64, seed=0).make(0).image.any()


@given(SEEDS, st.integers(1, 70), st.integers(1, 70), st.integers(1, 90), st.integers(1, 90))
def test_a_crop_has_the_size_that_was_asked_for(
    seed: int, width: int, height: int, photo_width: int, photo_height: int
) -> None:
    photo = np.full((photo_height, photo_width, 3), 120, np.uint8)
    crop = random_crop(np.random.default_rng(seed), photo, width, height)
    assert crop.shape == (height, width, 3)
    assert (crop == 120).all()


@given(SEEDS)
def test_mixed_photos_lie_between_the_two(seed: int) -> None:
    low, high = np.full((20, 30, 3), 40, np.uint8), np.full((20, 30, 3), 200, np.uint8)
    mixed = mix_photos(np.random.default_rng(seed), low, high)
    assert mixed.shape == low.shape
    assert ((mixed >= 40) & (mixed <= 200)).all()
    assert not np.array_equal(mixed, low)
    assert (low == 40).all()


@pytest.mark.parametrize("shape", [random_shape, in_petals])
@given(SEEDS, st.integers(4, 80), st.integers(4, 80))
def test_a_decoys_shape_fits_its_rectangle(
    shape: Callable, seed: int, width: int, height: int
) -> None:
    alpha = shape(np.random.default_rng(seed), width, height)
    assert alpha.shape == (height, width)
    assert alpha.dtype == np.uint8
    assert in_petals is not shape or alpha.any()


TWO_COLOURS = np.array([(200, 0, 0), (0, 0, 90)], np.float64)


def two_coloured() -> list[Cutout]:
    level = np.zeros((64, 64, 4), np.uint8)
    level[:, :32], level[:, 32:] = (*TWO_COLOURS[0], 255), (*TWO_COLOURS[1], 255)
    return [cutout_from_bgra(level, 0)]


@given(SEEDS, st.integers(8, 80), st.integers(8, 80))
def test_flowers_and_patches_have_colours_of_one_object_alone(
    seed: int, width: int, height: int
) -> None:
    rng = np.random.default_rng(seed)
    things = (
        flower(rng, TWO_COLOURS, width, height),
        patches(rng, two_coloured(), width, height),
    )
    for layer in things:
        assert layer.shape == (height, width, 4)
        assert not layer[..., 1].any()  # no green in the object
        # soft edges and mixtures lie between black and the two colours
        assert (layer[..., 0] / 200 + layer[..., 2] / 90).max() < 1.6


@given(SEEDS, st.integers(8, 80), st.integers(8, 80))
def test_a_sign_fills_its_box_with_an_objects_colours(seed: int, width: int, height: int) -> None:
    colours = np.concatenate([TWO_COLOURS, TWO_COLOURS[:1]])
    layer = sign(np.random.default_rng(seed), colours, width, height)
    assert layer.shape == (height, width, 4)
    solid = layer[..., 3] == 255
    assert solid.any(axis=0).sum() >= 0.7 * width  # a triangle's corners are fine
    assert solid.any(axis=1).sum() >= 0.7 * height
    own = (layer[solid][:, None, :3] == colours[None]).all(axis=2).any(axis=1)
    others = layer[solid][~own][:, :3]
    assert own.any()
    assert np.isin(others, (20, 240)).all()  # the marks


@settings(max_examples=30)
@given(SEEDS)
def test_lookalikes_are_seen(seed: int) -> None:
    canvas = np.zeros((90, 120, 3), np.uint8)
    paste_lookalikes(np.random.default_rng(seed), canvas, two_coloured())
    assert canvas.any()


@given(SEEDS, st.integers(1, 80), st.integers(1, 80))
def test_a_made_up_background_has_the_size_that_was_asked_for(
    seed: int, width: int, height: int
) -> None:
    image = made_up(np.random.default_rng(seed), width, height)
    assert (image.shape, image.dtype) == ((height, width, 3), np.uint8)


@given(SEEDS, st.integers(16, 90), st.integers(16, 90))
def test_a_repeated_pattern_has_the_size_asked_for_and_the_photos_colours(
    seed: int, width: int, height: int
) -> None:
    photo = np.full((40, 50, 3), (10, 20, 30), np.uint8)
    image = repeated(np.random.default_rng(seed), photo, width, height)
    assert (image.shape, image.dtype) == ((height, width, 3), np.uint8)
    flat = (image == (10, 20, 30)).all()
    # or it is a rectangle on another colour: of those two most pixels are, the rest lie between
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    assert flat or len(colours) >= 2
    assert flat or np.sort(counts)[-2:].sum() > 0.2 * width * height


@given(SEEDS, st.integers(6, 60), st.integers(6, 60), st.floats(0, 0.45))
def test_a_spot_lies_beyond_the_edge_by_no_more_than_the_stage_says(
    seed: int, width: int, height: int, overhang: float
) -> None:
    tight = (2.0, 3.0, 2.0 + width, 3.0 + height)
    stage = Stage(edge_overhang=overhang)
    spot = find_spot(np.random.default_rng(seed), tight, (70, 64), stage, [])
    assert spot is not None
    x, y = spot
    whole = (x + tight[0], y + tight[1], x + tight[2], y + tight[3])
    off = max(-whole[0], -whole[1], whole[2] - 70, whole[3] - 64)
    assert off <= overhang * max(width, height) + 0.5


def test_more_or_fewer_spots_lie_beyond_the_edge_as_the_stage_says() -> None:
    rng = np.random.default_rng(0)
    beyond = []
    for p in (0.0, 0.25, 1.0):
        stage = Stage(edge_overhang=0.9, p_overhang=p)
        spots = [find_spot(rng, (0, 0, 20, 20), (64, 64), stage, []) for _ in range(400)]
        corners = [spot for spot in spots if spot is not None]
        beyond.append(sum(min(x, y) < 0 or max(x, y) > 44 for x, y in corners))
    assert beyond[0] == 0
    assert 0 < 2 * beyond[1] < beyond[2]


def test_what_does_not_fit_finds_no_spot() -> None:
    rng = np.random.default_rng(0)
    assert find_spot(rng, (0, 0, 65, 10), (64, 64), Stage(), []) is None
    everywhere = [(0.0, 0.0, 64.0, 64.0)]
    assert find_spot(rng, (0, 0, 10, 10), (64, 64), Stage(), everywhere) is None
    assert find_spot(rng, (0, 0, 10, 10), (64, 64), Stage(max_overlap=1.0), everywhere) is not None


def test_any_number_of_workers_makes_the_same_batches(make) -> None:
    maker = make(MANY_OBJECTS, 128)
    pictures = GeneratedBatches(maker, 4)
    alone = list(batches(pictures, 0, 5, workers=0))
    assert len(alone) == 5
    assert len({batch.frames.shape for batch in alone}) > 1
    for workers in (1, 2):
        for a, b in zip(alone, batches(pictures, 0, 5, workers), strict=True):
            assert a.frames.equal(b.frames)
            for name, value in vars(a.targets).items():
                assert value.equal(getattr(b.targets, name)), name


def test_batches_go_on_where_they_stopped(make) -> None:
    maker = make(MANY_OBJECTS, 64)
    pictures = GeneratedBatches(maker, 3)
    whole = [b.frames for b in batches(pictures, 0, 4, workers=0)]
    rest = [b.frames for b in batches(pictures, 2, 4, workers=0)]
    assert len(rest) == 2
    assert all(a.equal(b) for a, b in zip(whole[2:], rest, strict=True))
    assert np.array_equal(whole[1][2].numpy(), maker.make(5, maker.aspect(1)).image)


def test_the_first_batches_hold_smaller_pictures(make) -> None:
    maker = make(MANY_OBJECTS, 128)
    pictures = GeneratedBatches(maker, 2, beginning=Beginning(size=64, end=2))
    sides = [max(batch.frames.shape[1:3]) for batch in batches(pictures, 0, 4, workers=0)]
    assert sides == [64, 64, 128, 128]
    small = replace(maker, size=64)
    assert np.array_equal(pictures[1].frames[1].numpy(), small.make(3, small.aspect(1)).image)
    assert np.array_equal(pictures[2].frames[0].numpy(), maker.make(4, maker.aspect(2)).image)


def test_training_sees_more_than_what_is_measured() -> None:
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, 64, seed=0)
    assert data.held_out.stage == STAGES["many-objects"]
    assert data.training.stage.edge_overhang > STAGES["many-objects"].edge_overhang
    assert data.training.stage.edge_overhang < 1
    assert 0 < data.training.stage.p_restyle < 1
    assert 0 < data.training.stage.p_bend < 1
    assert 0 < data.training.stage.p_other_colours < 1
    assert data.training.stage.p_distractor > STAGES["many-objects"].p_distractor
    assert 0 < data.training.stage.p_recolour < 1
    measured = STAGES["many-objects"]
    for name in ("rotation_deg", "shear", "squeeze", "perspective"):
        assert getattr(data.training.stage, name) > getattr(measured, name), name
    beyond = replace(
        data.training.stage,
        edge_overhang=0.5,
        rotation_deg=measured.rotation_deg,
        shear=measured.shear,
        squeeze=measured.squeeze,
        perspective=measured.perspective,
        p_recolour=0.0,
        p_bend=0.0,
        p_restyle=0.0,
        p_upside_down=0.0,
        p_other_colours=0.0,
        p_repeated=0.0,
        p_lookalike=0.0,
        p_distractor=0.4,
    )
    assert beyond == measured
    alone = load_data_set("real-background", CUTOUTS, PHOTOS, 64, seed=0)
    assert alone.training.stage == alone.held_out.stage
    absent = load_data_set("multi-class", CUTOUTS, PHOTOS, 64, seed=0)
    assert absent.held_out.stage.p_distractor == 0 < absent.training.stage.p_distractor
    assert absent.training.stage.p_restyle == 0


@pytest.mark.parametrize("mirror", [True, False])
def test_objects_with_two_sides_stay_unmirrored_where_that_is_wanted(
    tmp_path: Path, mirror: bool
) -> None:
    drawing = np.zeros((120, 120, 4), np.uint8)
    drawing[:, :60] = 255, 0, 0, 255  # blue on the left, red on the right
    drawing[:, 60:] = 0, 0, 255, 255
    (tmp_path / "flag").mkdir()
    assert cv2.imwrite(str(tmp_path / "flag/flag.png"), drawing)
    data = load_data_set(
        "transformed", tmp_path, PHOTOS, 128, seed=3, distractors=None, mirror=mirror
    )
    mirrored = 0
    for sample in map(data.training.make, range(60)):
        x1, y1, x2, y2 = sample.boxes[0].astype(int)
        blue, _, red = (sample.image[y1:y2, x1:x2, c].astype(float) for c in range(3))
        columns = np.arange(x2 - x1)
        places = [float((part * columns).sum() / part.sum()) for part in (blue, red)]
        mirrored += places[0] > places[1]
    assert (mirrored > 15) if mirror else (mirrored == 0)
