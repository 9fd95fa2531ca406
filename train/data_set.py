"""What a recipe trains on and is measured on: two picture makers over photos that share nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from train.cutouts import (
    SUFFIXES,
    Cutout,
    load_cutouts,
    load_distractors,
    warning_of_rectangles,
)
from train.errors import TrainError
from train.generator import PictureMaker, picture_maker
from train.names import left_out, note_of, note_of_unused
from train.negatives import Negatives, negatives_for
from train.photos import Image, all_of, load_backgrounds, load_photos, warning_of_few
from train.places import ASSETS
from train.samples import Sample
from train.stages import STAGES, VARIETY, for_training, of_labels, without_mirroring

CUTOUTS = ASSETS / "cutouts"
HELD_OUT = "_held_out"  # ends the name of a folder of what is only measured on
PHOTOS = ASSETS / "photos"
HELD_OUT_PHOTOS = ASSETS / f"photos{HELD_OUT}"
DISTRACTORS = ASSETS / "distractors"
HELD_OUT_DISTRACTORS = ASSETS / f"distractors{HELD_OUT}"
Picture = TypeVar("Picture")
CUTOUT_USE = "a cut-out is a PNG, WebP or SVG in the folder of its class"
DISTRACTOR_USE = "a drawing is a PNG, WebP or SVG in the folder, or in one in it"
HELD_OUT_ONE_IN = 5
HELD_OUT_SEED = 1_000_003  # no training seed meets it by accident
EVALUATION_SEED = 5_000_011  # nor does any picture that a threshold was settled on


@dataclass(frozen=True, eq=False)
class DataSet:
    """The labels, the maker of training pictures, and that of pictures on held-out photos."""

    labels: tuple[str, ...]
    training: PictureMaker
    held_out: PictureMaker
    notes: tuple[str, ...] = ()  # what was left out, a line each

    def held_out_samples(self, count: int) -> Iterator[Sample]:
        """Make the first `count` held-out pictures, one by one."""
        return map(self.held_out.make, range(count))

    def for_evaluation(self) -> "DataSet":
        """Return the same with other held-out pictures than runs are validated and settled on."""
        return replace(self, held_out=replace(self.held_out, seed=EVALUATION_SEED))

    def negatives(self, photos: int, drawings: int) -> Negatives:
        """Return as many held-out pictures without objects, and with drawings of other things."""
        return negatives_for(self.held_out, photos, drawings)

    def warnings(self, photos: Path) -> list[str]:
        """Say what may be too little, or may not have been cut out; photos: where they are from."""
        stage = self.training.stage
        found = []
        if stage.background == "photo":
            found.append(warning_of_few(self.training.photos, photos))
        if stage.objects == "cutouts":
            found += map(warning_of_rectangles, self.labels, self.training.cutouts)
        return [*self.notes, *(warning for warning in found if warning is not None)]


def load_data_set(
    stage: str,
    cutouts: Path,
    photos: Path,
    size: int,
    seed: int,
    *,
    distractors: Path | None = DISTRACTORS,
    labels: Sequence[str] | None = None,
    variety: float = VARIETY,
    mirror: bool = True,
) -> DataSet:
    """Load what a stage needs; of the classes in `cutouts` only those in `labels`, if given.

    variety: of objects to train on, see `for_training`; mirror: whether half of all objects are
    shown as their mirror image, where the stage has it.

    Photos and distractors in a folder with another one beside it, named the same and `_held_out`,
    are measured on those in there, as the ones that come with rtloc are; of any other folder, every
    fifth picture is held out, and of a film its last fifth.

    Raises:
        TrainError: no such stage, or the cut-outs or photos cannot be used.
    """
    if stage not in STAGES:
        raise TrainError(f"no stage {stage!r}; choose one of {', '.join(STAGES)}")
    known, loaded = load_cutouts(cutouts)
    if labels is not None:
        known, loaded = kept_classes(known, loaded, labels)
    unused = note_of_unused(cutouts, SUFFIXES, {2}, CUTOUT_USE)
    kept, held_out, notes = split_backgrounds(photos, known)
    if STAGES[stage].objects == "white-box":
        known = ("white box",)
    entry = of_labels(STAGES[stage], known)
    to_train_on = for_training(entry, variety)
    if not mirror:
        entry, to_train_on = map(without_mirroring, (entry, to_train_on))
    if distractors == DISTRACTORS and not to_train_on.p_distractor:
        distractors = None  # none would be drawn, and they take seconds to load
    others, other_others, more_notes = split_distractors(distractors, known)
    return DataSet(
        known,
        picture_maker(to_train_on, loaded, kept, size, seed, distractors=others),
        picture_maker(entry, loaded, held_out, size, HELD_OUT_SEED, distractors=other_others),
        (*([] if unused is None else [unused]), *notes, *more_notes),
    )


def kept_classes(
    labels: Sequence[str], cutouts: Sequence[Cutout], wanted: Sequence[str]
) -> tuple[tuple[str, ...], list[Cutout]]:
    """Return those of the labels that are wanted, and their cut-outs with ids among them."""
    ids = [n for n, label in enumerate(labels) if label in wanted]
    kept = [replace(c, class_id=ids.index(c.class_id)) for c in cutouts if c.class_id in ids]
    return tuple(labels[n] for n in ids), kept


def split_backgrounds(
    path: Path, labels: Sequence[str] = ()
) -> tuple[list[Image], list[Image], tuple[str, ...]]:
    """Load the photos to train on and those to measure on; and say what was left out.

    Of the photos that come with rtloc those are left out that are named like a label.

    Raises:
        TrainError: they cannot be used, or there are fewer than two.
    """
    beside = held_out_beside(path)
    loaded = load_backgrounds(path, labels if path == PHOTOS else ())
    if beside is not None:
        return all_of(loaded), load_photos(beside), loaded.notes
    if not loaded.films:
        return *hold_out(loaded.photos, path, "photo"), loaded.notes
    kept = [p for n, p in enumerate(loaded.photos) if n % HELD_OUT_ONE_IN != 1]
    held_out = [p for n, p in enumerate(loaded.photos) if n % HELD_OUT_ONE_IN == 1]
    for frames in loaded.films:  # neighbours in a film are too much alike to be told apart
        last = -(-len(frames) // HELD_OUT_ONE_IN) if len(frames) > 1 else 0
        kept += frames[: len(frames) - last]
        held_out += frames[len(frames) - last :]
    if not held_out:
        raise TrainError(f"{path} has too few frames; give a longer video, or photos as well")
    return kept, held_out, loaded.notes


def held_out_beside(folder: Path) -> Path | None:
    """Return the folder beside another one that holds what is only measured on, if there is one."""
    whole = folder.resolve()
    beside = whole.parent / f"{whole.name}{HELD_OUT}"
    return beside if beside.is_dir() else None


@cache
def loaded_once(folder: Path) -> dict[Path, list[Cutout]]:
    """Load distractors once a process: those that come with rtloc take seconds."""
    return load_distractors(folder)


def split_distractors(
    folder: Path | None, labels: Sequence[str] = ()
) -> tuple[list[Cutout], list[Cutout], tuple[str, ...]]:
    """Load the distractors to train with and those to measure with; and say what was left out.

    Without a folder there are none. Of those that come with rtloc the ones that are named like a
    label are left out: one cannot learn to find mugs and to leave them alone.

    Raises:
        TrainError: they cannot be used.
    """
    if folder is None:
        return [], [], ()
    beside = held_out_beside(folder)
    if beside is None:
        kept, held_out = hold_out(list(load_distractors(folder).values()), folder, "distractor")
        unused = note_of_unused(folder, SUFFIXES, {1, 2}, DISTRACTOR_USE)
        return views_of(kept), views_of(held_out), () if unused is None else (unused,)
    parts, like = [], []
    for part in map(loaded_once, (folder, beside)):
        own = left_out(list(part), labels if folder == DISTRACTORS else ())
        parts.append(views_of(views for path, views in part.items() if path not in own))
        like += own
    note = note_of(like, "drawings of other things")
    return parts[0], parts[1], () if note is None else (note,)


def views_of(files: Iterable[Sequence[Cutout]]) -> list[Cutout]:
    """Return the cut-outs of all files."""
    return [view for views in files for view in views]


def hold_out(
    pictures: Sequence[Picture], folder: Path, kind: str
) -> tuple[list[Picture], list[Picture]]:
    """Split pictures into those to train on and those to measure on.

    Raises:
        TrainError: there are fewer than two.
    """
    if len(pictures) < 2:
        raise TrainError(f"one {kind} in {folder} is too few; put at least two there, better fifty")
    held_out = [p for n, p in enumerate(pictures) if n % HELD_OUT_ONE_IN == 1]
    return [p for n, p in enumerate(pictures) if n % HELD_OUT_ONE_IN != 1], held_out
