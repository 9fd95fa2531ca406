"""Pictures without objects, and what they do to a run's threshold."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from boxes import found_of, truth_of

from engines.backends import RawOutputs
from engines.model_file import read_model_info
from train.checkpoint import load_checkpoint, save_checkpoint
from train.cutouts import cutout_from_bgra
from train.data_set import DataSet
from train.evaluate import evaluate, try_negatives
from train.export import export_checkpoint
from train.generator import PictureMaker, picture_maker
from train.negatives import (
    Negatives,
    OnDemand,
    drawings,
    false_trials,
    mistaken_trials,
    negatives_for,
    photo_crops,
)
from train.network import NetworkShape
from train.recipe import Recipe
from train.samples import Sample
from train.settle import settle
from train.stages import STAGES
from train.trainer import Trainer

SIZE = 96


def drawing(colour: tuple[int, int, int], class_id: int) -> np.ndarray:
    image = np.zeros((64, 48, 4), np.uint8)
    image[4:60, 4:44] = (*colour, 255)
    return cutout_from_bgra(image, class_id)


def maker_of(stage: str, *, others: bool = True) -> PictureMaker:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (120, 200, 3), np.uint8) for _ in range(3)]
    distractors = [drawing((0, 200, 0), -1), drawing((200, 0, 200), -1)] if others else []
    objects = [drawing((0, 0, 255), 0), drawing((255, 0, 0), 1)]
    return picture_maker(STAGES[stage], objects, photos, SIZE, 7, distractors=distractors)


def test_crops_are_as_cameras_film_differ_and_come_again() -> None:
    crops = list(photo_crops(maker_of("many-objects"), 96))
    again = list(photo_crops(maker_of("many-objects"), 96))
    assert all(np.array_equal(a, b) for a, b in zip(crops, again, strict=True))
    assert {crop.shape for crop in crops} <= {(64, 96, 3), (96, 64, 3), (96, 96, 3)}
    assert len({crop.tobytes() for crop in crops}) == 96
    assert all(crop.dtype == np.uint8 for crop in crops)
    shapes = [crop.shape for crop in crops]
    assert all(len(set(shapes[n : n + 32])) == 1 for n in (0, 32, 64))  # they fill batches


def test_each_drawing_comes_in_turn_with_its_box() -> None:
    samples = list(drawings(maker_of("many-objects"), 40))
    boxes = [len(sample.boxes) for sample in samples]
    assert max(boxes) == 1
    assert sum(boxes) > 30
    for n, sample in enumerate(samples):
        assert sample.class_ids.tolist() in ([], [n % 2])


def test_only_nets_that_saw_pictures_without_objects_are_tried() -> None:
    for stage in ("white-box", "charmander", "transformed", "real-background"):
        none = negatives_for(maker_of(stage))
        assert none.photos is none.drawings is None
    tried = negatives_for(maker_of("many-objects"), 5, 4)
    assert tried.photos is not None
    assert tried.drawings is not None
    assert (len(tried.photos), len(tried.drawings)) == (5, 4)
    assert negatives_for(maker_of("many-objects", others=False), 5, 4).drawings is None


def test_a_drawing_is_mistaken_where_a_detection_overlaps_it() -> None:
    drawn = [truth_of((0, 0, 10, 10, 0)), truth_of((0, 0, 10, 10, 1)), truth_of()]
    found = [
        found_of((0, 0, 10, 3, 1, 0.9), (0, 0, 10, 4, 1, 0.7), (0, 0, 10, 10, 0, 0.6)),
        found_of((50, 50, 60, 60, 0, 0.9)),
        found_of((0, 0, 10, 10, 0, 0.9)),  # there was no room for the drawing
    ]
    trials = mistaken_trials(drawn, found)
    assert trials.count == 2
    assert trials.scores.tolist() == pytest.approx([0.7])  # an IoU of 0.3 is not yet enough
    assert trials.rate(0.7) == 0.5
    assert trials.rate(0.71) == 0


def test_all_that_is_found_in_a_photo_is_false() -> None:
    found = [found_of((0, 0, 9, 9, 0, 0.9), (0, 0, 9, 9, 0, 0.2)), found_of()]
    trials = false_trials(found)
    assert (trials.count, trials.false(0.1), trials.false(0.5)) == (2, 2, 1)
    assert false_trials([]).rate(0.5) == 0


def bright_engine(images: np.ndarray) -> RawOutputs:
    """Find one box in every picture, as sure as its brightest value."""
    count = len(images)
    boxes = np.tile(np.array([[[10, 10, 40, 40]]], np.float32), (count, 1, 1))
    scores = images.max(axis=(1, 2, 3)).astype(np.float32)[:, None] / 255
    return RawOutputs(boxes, scores, np.zeros((count, 1), np.int64))


def flat(value: int) -> np.ndarray:
    return np.full((64, 64, 3), value, np.uint8)


BOX, ID = np.array([[10, 10, 40, 40]], np.float32), np.zeros(1, np.int64)


def test_the_threshold_keeps_silent_where_nothing_is() -> None:
    samples = [Sample(flat(value), BOX, ID) for value in (250, 240, 230)]
    without = evaluate(bright_engine, samples, ("cat",))
    assert without.threshold == 0.001
    assert without.false_per_1000 is None
    photos = OnDemand([flat(100), flat(0)].__getitem__, 2)
    drawn = OnDemand([Sample(flat(178), BOX, ID)].__getitem__, 1)
    figures = evaluate(bright_engine, samples, ("cat",), Negatives(photos, drawn))
    assert figures.threshold == 0.699  # just above 178 / 255
    assert (figures.false_per_1000, figures.mistaken_per_100) == (0, 0)
    assert figures.recall == 1
    tried, mistaken = try_negatives(bright_engine, Negatives(photos, drawn))
    assert tried is not None
    assert mistaken is not None
    assert 1000 * tried.rate(0.2) == 500
    assert 100 * mistaken.rate(0.2) == 100


def test_a_run_is_settled_and_its_model_file_has_the_threshold(tmp_path: Path) -> None:
    maker = maker_of("many-objects")
    data = DataSet(("red", "blue"), maker, replace(maker, seed=8))
    shape = NetworkShape(2, SIZE, (8, 8, 8, 8))
    checkpoint, model = tmp_path / "best.pt", tmp_path / "model.onnx"
    save_checkpoint(checkpoint, Trainer(Recipe(), shape, data.labels).state())
    figures = settle(checkpoint, data, samples=6, photos=5, drawings=4)
    assert figures.false_per_1000 is not None
    assert figures.mistaken_per_100 is not None
    assert load_checkpoint(checkpoint)["figures"] == asdict(figures)
    assert export_checkpoint(checkpoint, model) == figures
    info = read_model_info(model)
    assert info.threshold == figures.threshold
    assert set(info.figures) == set(figures.numbers())
    assert {"mean_iou", "presence_accuracy", "false_per_1000"} <= set(info.figures)
