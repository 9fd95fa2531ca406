"""What `rtloc eval` does: look at every picture, keep the answers, measure them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from rtloc.localizer import Localizer
from rtloc.object_free import object_free
from train.evaluate import LOWEST_SCORE, measure, measured_threshold
from train.figures import Figures
from train.matching import Found, Truth, truth_of
from train.negatives import Image, Negatives, false_trials, mistaken_trials
from train.picture_set import PictureSet
from train.threshold import Trials
from train.worst import WorstCases

Item = TypeVar("Item")
NOTHING = Truth(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), (1, 1))


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered to all pictures.

    truths, found: of the pictures with known boxes; free: what was found in pictures without
    objects, by where they come from; drawn, drawn_found: drawings of other things.
    """

    truths: list[Truth] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    free: dict[str, list[Found]] = field(default_factory=dict)
    drawn: list[Truth] = field(default_factory=list)
    drawn_found: list[Found] = field(default_factory=list)


@dataclass(frozen=True)
class Count:
    """How many of so many pictures from one source were answered falsely."""

    source: str
    pictures: int
    false: int


@dataclass(frozen=True)
class Measured:
    """What the answers are worth.

    pictures: how many with known boxes; free: false detections by source; mistaken: drawings taken
    for an object; best_threshold: the one that these pictures would choose.
    """

    pictures: int
    figures: Figures
    free: tuple[Count, ...]
    mistaken: Count | None
    best_threshold: float


def look_at(
    localizer: Localizer,
    pictures: PictureSet,
    negatives: Negatives,
    paths: Sequence[Path],
    worst: WorstCases,
) -> Answers:
    """Run the model over all pictures: with objects, made without, and without in files."""
    localizer.threshold = min(LOWEST_SCORE, worst.threshold)
    answers = Answers()
    for name, sample in shown(pictures.cases, pictures.count, "locating"):
        truth, found = truth_of(sample), locate(localizer, sample.image)
        answers.truths.append(truth)
        answers.found.append(found)
        worst.consider(name, sample.image, truth, found)
        if pictures.is_real and not len(truth.boxes):
            answers.free.setdefault("pictures of the set without objects", []).append(found)
    if negatives.drawings is not None:
        for sample in shown(negatives.drawings, len(negatives.drawings), "other drawings"):
            found = locate(localizer, sample.image)
            answers.drawn.append(truth_of(sample))
            answers.drawn_found.append(found)
            worst.consider("a drawing of something else", sample.image, NOTHING, found)
    for source, images in free_sources(negatives, paths):
        of_source = answers.free.setdefault(source, [])
        for name, image in images:
            of_source.append(locate(localizer, image))
            worst.consider(name, image, NOTHING, of_source[-1])
    return answers


def free_sources(
    negatives: Negatives, paths: Sequence[Path]
) -> Iterator[tuple[str, Iterable[tuple[str, Image]]]]:
    """Yield where pictures without objects come from, and them with their names."""
    if negatives.photos is not None:
        crops = shown(negatives.photos, len(negatives.photos), "photos")
        yield "crops of held-out photos", (("a held-out photo", image) for image in crops)
    for path in paths:
        yield str(path), object_free(path)


def shown(items: Iterable[Item], total: int | None, doing: str) -> Iterator[Item]:
    """Show on a terminal how far a loop is."""
    console = Console(stderr=True)
    quiet = not console.is_terminal
    yield from track(items, doing, total, console=console, disable=quiet, transient=True)


def locate(localizer: Localizer, image: NDArray[np.uint8]) -> Found:
    """Find the objects in one picture."""
    detections = localizer.locate(image)
    return Found(detections.boxes, detections.scores, detections.class_ids)


def measure_answers(answers: Answers, labels: Sequence[str], threshold: float) -> Measured:
    """Count what is right and what is wrong in the answers, from a threshold on."""
    free = {source: false_trials(found) for source, found in answers.free.items()}
    all_free = false_trials([one for found in answers.free.values() for one in found])
    photos = all_free if free else None
    mistaken = mistaken_trials(answers.drawn, answers.drawn_found) if answers.drawn else None
    figures = measure(
        answers.truths, answers.found, labels, threshold, photos=photos, mistaken=mistaken
    )
    trials = [t for t in (photos, mistaken) if t is not None]
    return Measured(
        len(answers.truths),
        figures,
        tuple(count(source, of_source, threshold) for source, of_source in free.items()),
        None if mistaken is None else count("drawings of other things", mistaken, threshold),
        measured_threshold(answers.truths, answers.found, trials),
    )


def count(source: str, trials: Trials, threshold: float) -> Count:
    """Count what is false from a threshold on."""
    return Count(source, trials.count, trials.false(threshold))
