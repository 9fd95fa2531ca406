"""What a recipe trains on and is measured on, with or without a labelled set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from train.data_set import DataSet, load_data_set
from train.errors import TrainError
from train.labelled import read_labelled, with_labels
from train.labelled_maker import MixedMaker, labelled_maker, plain
from train.labelled_set import LoadedPicture, load_pictures, warnings_of_boxes
from train.negatives import Negatives
from train.photos import spread
from train.places import path_of
from train.recipe import Recipe, recipe_of
from train.samples import Maker, Sample
from train.stages import STAGES, without_mirroring


class TrainingData(Protocol):
    """The labels, the maker of training pictures, and what is measured on."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, by class id."""

    @property
    def training(self) -> Maker:
        """The maker of training pictures."""

    def held_out_samples(self, count: int) -> Iterator[Sample]:
        """Make `count` pictures to measure on, one by one, or fewer where there are no more."""

    def negatives(self, photos: int, drawings: int) -> Negatives:
        """Return as many pictures without objects, and with drawings of other things."""


@dataclass(frozen=True, eq=False)
class LabelledData:
    """A labelled set, with generated pictures or, where `generated` is None, without.

    held_out: of the set; size: the longer side of the pictures to measure on, in pixels; part:
    0..1, of the pictures, to train on and to measure on; warnings: of what may be wrong with the
    set, a line each.
    """

    labels: tuple[str, ...]
    training: Maker
    held_out: Sequence[LoadedPicture]
    size: int
    generated: DataSet | None
    part: float
    warnings: tuple[str, ...] = ()

    def held_out_samples(self, count: int) -> Iterator[Sample]:
        """Yield the set's held-out pictures, unchanged, and generated ones over held-out photos.

        Without generated ones there may be fewer than `count`. Where the set has more they are
        spread over it: sets are often in the order of their classes, or of films.
        """
        most = count if self.generated is None else max(1, round(self.part * count))
        real = spread(self.held_out, most)
        yield from (plain(picture, self.size) for picture in real)
        if self.generated is not None:
            yield from self.generated.held_out_samples(count - len(real))

    def negatives(self, photos: int, drawings: int) -> Negatives:
        """Return those of the generated pictures; what the set does not label may be an object."""
        if self.generated is None:
            return Negatives()
        return self.generated.negatives(photos, drawings)


def load_training_data(recipe: Recipe, size: int) -> TrainingData:
    """Load all that a recipe needs; size: the pictures' longer side in pixels.

    Raises:
        TrainError: some of it is missing, or cannot be used.
    """
    if recipe.labelled is None:
        return generated_data(recipe, size)
    path, images = path_of(recipe.labelled), recipe.labelled_images
    real = read_labelled(path, None if images is None else path_of(images))
    generated = None if recipe.labelled_part >= 1 else generated_data(recipe, size)
    warnings = tuple(warnings_of_boxes(real, path))
    real = with_labels(real, () if generated is None else generated.labels)
    stage = STAGES[recipe.stage]
    stage = stage if recipe.mirror else without_mirroring(stage)
    training: Maker = labelled_maker(stage, real.training, size, recipe.seed)
    held_out = load_pictures(real.held_out, size)
    if generated is not None:
        training = MixedMaker(training, generated.training, recipe.labelled_part, recipe.seed)
    part = recipe.labelled_part
    return LabelledData(real.labels, training, held_out, size, generated, part, warnings)


def generated_data(recipe: Recipe, size: int) -> DataSet:
    """Load what a recipe generates pictures of.

    Raises:
        TrainError: some of it is missing, or cannot be used.
    """
    return load_data_set(
        recipe.stage,
        path_of(recipe.cutouts),
        path_of(recipe.photos),
        size,
        recipe.seed,
        distractors=None if recipe.distractors is None else path_of(recipe.distractors),
        labels=recipe.labels,
        variety=recipe.variety,
        mirror=recipe.mirror,
    )


def data_of_state(state: dict[str, Any]) -> TrainingData:
    """Load what the run of a checkpoint's state was trained and is measured on.

    Raises:
        TrainError: it is not there any more, or is of other classes now, or the state is of another
            version of rtloc.
    """
    recipe = recipe_of(state)
    data = load_training_data(recipe, state["shape"]["size"])
    check_labels(data, recipe, state["labels"])
    return data


def check_labels(data: TrainingData, recipe: Recipe, labels: Sequence[str]) -> None:
    """Make sure that what a recipe names still holds a run's labels.

    Raises:
        TrainError: it holds others.
    """
    if data.labels != tuple(labels):
        source = recipe.cutouts if recipe.labelled is None else recipe.labelled
        raise TrainError(
            f"{source} now holds {', '.join(data.labels)}; the run knows {', '.join(labels)}"
        )
