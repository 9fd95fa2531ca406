"""Measure detections against true boxes, and choose the threshold from which they count."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.backends import RawOutputs
from train.accuracy import accuracy
from train.coco import precisions
from train.figures import Figures
from train.matching import UNPAIRED, Found, Truth, pair, truth_of
from train.negatives import Negatives, false_trials, mistaken_trials
from train.samples import Sample
from train.threshold import Trials, choose_by_presence, choose_threshold

Infer = Callable[[NDArray[np.uint8]], RawOutputs]
LOWEST_SCORE = 0.01
BATCH_SIZE = 32


def evaluate(
    infer: Infer,
    samples: Iterable[Sample],
    labels: Sequence[str],
    negatives: Negatives | None = None,
) -> Figures:
    """Run an engine over the samples' pictures, choose its threshold and measure what it finds.

    With `negatives` the threshold keeps within their limits, and the figures tell how often they
    are broken.
    """
    truths, found = locate_samples(infer, samples)
    if negatives is None:
        return measure(truths, found, labels)
    photos, mistaken = try_negatives(infer, negatives)
    return measure(truths, found, labels, photos=photos, mistaken=mistaken)


def measure(
    samples: Sequence[Sample | Truth],
    found: Sequence[Found],
    labels: Sequence[str],
    threshold: float | None = None,
    *,
    photos: Trials | None = None,
    mistaken: Trials | None = None,
) -> Figures:
    """Measure what was found in pictures; without a threshold, choose one first.

    photos, mistaken: what was found in pictures without objects and in drawings of other things.
    """
    truths = [truth_of(sample) for sample in samples]
    if threshold is None:
        trials = [t for t in (photos, mistaken) if t is not None]
        threshold = measured_threshold(truths, found, trials)
    curves = precisions(truths, found, labels)
    at = accuracy(truths, found, threshold)
    return Figures(
        map50=curves.ap(0) or 0.0,
        map50_95=curves.ap(slice(None)) or 0.0,
        ap50=curves.ap_by_label(0),
        threshold=threshold,
        precision=at.precision,
        recall=at.recall,
        ap50_95=curves.ap_by_label(slice(None)),
        map50_by_size=curves.ap_by_size(0),
        map50_95_by_size=curves.ap_by_size(slice(None)),
        mean_iou=at.mean_iou,
        class_accuracy=at.class_accuracy,
        presence_accuracy=at.presence_accuracy,
        false_per_1000=None if photos is None else 1000 * photos.rate(threshold),
        mistaken_per_100=None if mistaken is None else 100 * mistaken.rate(threshold),
    )


def measured_threshold(
    truths: Sequence[Truth], found: Sequence[Found], trials: Sequence[Trials] = ()
) -> float:
    """Choose the threshold for what was found, as train.threshold says."""
    if not found:
        return choose_threshold(np.zeros(0, np.float32), np.zeros(0, bool), 0, trials)
    right = [pair(truth, one) != UNPAIRED for truth, one in zip(truths, found, strict=True)]
    scores = np.concatenate([one.scores for one in found])
    return choose_threshold(
        scores, np.concatenate(right), sum(len(t.boxes) for t in truths), trials
    )


def presence_threshold(truths: Sequence[Truth], found: Sequence[Found]) -> float:
    """Choose the threshold that tells best in which pictures an object is."""
    best_scores = np.array([one.scores.max(initial=0) for one in found], np.float32)
    return choose_by_presence(best_scores, np.array([bool(len(t.boxes)) for t in truths]))


def try_negatives(infer: Infer, negatives: Negatives) -> tuple[Trials | None, Trials | None]:
    """Look for objects where there are none: in photos, and in drawings of other things."""
    photos = mistaken = None
    if negatives.photos is not None:
        photos = false_trials(locate_all(infer, negatives.photos))
    if negatives.drawings is not None:
        truths, found = locate_samples(infer, negatives.drawings)
        mistaken = mistaken_trials(truths, found)
    return photos, mistaken


def locate_samples(infer: Infer, samples: Iterable[Sample]) -> tuple[list[Truth], list[Found]]:
    """Run an engine over samples' pictures; return what is true of each, and what was found.

    As in `locate_all`, few are held at once.
    """
    truths: list[Truth] = []

    def image_of(sample: Sample) -> NDArray[np.uint8]:
        truths.append(truth_of(sample))
        return sample.image

    found = locate_all(infer, map(image_of, samples))
    return truths, found


def locate_all(infer: Infer, images: Iterable[NDArray[np.uint8]]) -> list[Found]:
    """Run an engine over pictures, uint8 [H, W, 3] BGR, those of one size together.

    No more pictures are held than one batch of each size.
    """
    found: dict[int, Found] = {}
    waiting: dict[tuple[int, ...], list[tuple[int, NDArray[np.uint8]]]] = {}

    def run(alike: list[tuple[int, NDArray[np.uint8]]]) -> None:
        raw = infer(np.stack([image for _, image in alike]))
        for row, (n, _) in enumerate(alike):
            kept = raw.scores[row] >= LOWEST_SCORE
            found[n] = Found(raw.boxes[row][kept], raw.scores[row][kept], raw.class_ids[row][kept])

    for n, image in enumerate(images):
        alike = waiting.setdefault(image.shape, [])
        alike.append((n, image))
        if len(alike) == BATCH_SIZE:
            run(waiting.pop(image.shape))
    for alike in waiting.values():
        run(alike)
    return [found[n] for n in range(len(found))]
