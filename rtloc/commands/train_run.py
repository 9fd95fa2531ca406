"""Begin a training run, or go on with one."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click
from click.core import ParameterSource

from engines.errors import UnknownNameError
from engines.model_file import form_in, read_model_info, resolve_model
from rtloc.commands.run_folder import check_unused
from rtloc.commands.synth_options import chosen_distractors
from rtloc.commands.train_options import HARD_FROM, HARD_PART, STEPS_ON, Asked
from rtloc.errors import UsageError
from rtloc.localizer import DEFAULT_MODEL
from train.data_set import CUTOUTS, PHOTOS
from train.network import DEPTHS, Depths, NetworkShape
from train.places import name_of, path_of
from train.recipe import Measuring, Recipe, picture_size
from train.stage_recipes import Plan
from train.stages import STAGES, VARIETY
from train.team import Team
from train.trainer import Trainer, resume
from train.training_data import TrainingData, check_labels, load_training_data
from train.transfer import MODEL_FILE

RANDOM = "none"
# the options whose field of the recipe has another name
RECIPE_FIELDS = {
    "backgrounds": "photos",
    "no_distractors": "distractors",
    "no_mirror": "mirror",
}
PLACES = {"cutouts", "photos", "distractors", "labelled", "labelled_images"}


def open_run(
    folder: Path,
    recipe: Recipe,
    size: int,
    depths: Depths,
    measuring: Measuring,
    go_on: bool,
    team: Team,
) -> tuple[Trainer, TrainingData]:
    """Start a run in `folder`, or go on with the one that is there.

    Raises:
        TrainError: there is none to go on with, or its pictures have changed.
        UsageError: there is a run already, or the one to go on with has another recipe.
    """
    if go_on:
        trainer = resume(folder / "last.pt", team)
        context = click.get_current_context()
        trainer.recipe = resumed_recipe(context, recipe, size, depths, trainer)
        measuring = resumed_measuring(context, measuring, trainer.measuring)
        recipe, size = trainer.recipe, trainer.network.shape.size
    else:
        check_unused(folder)
    data = load_training_data(recipe, size)
    if not go_on:
        shape = NetworkShape(len(data.labels), size, depths=depths)
        trainer = Trainer(recipe, shape, data.labels, team)
        trainer.begin(data.training)
    else:
        check_labels(data, recipe, trainer.labels)
    trainer.measure_by(measuring)
    return trainer, data


def resumed_recipe(
    context: click.Context, asked: Recipe, size: int, depths: Depths, trainer: Trainer
) -> Recipe:
    """Return a resumed run's own recipe, but for folders that are elsewhere now.

    Raises:
        UsageError: an option was given that contradicts it.
    """
    shape = trainer.network.shape
    wanted = {**asdict(asked), **sizes(asked, size), "depths": depths}
    own = {**asdict(trainer.recipe), **sizes(trainer.recipe, shape.size), "depths": shape.depths}
    moved = {}
    for parameter in context.command.params:
        name = str(parameter.name)
        field = RECIPE_FIELDS.get(name, name)
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not given or field not in own or wanted[field] == own[field]:
            continue
        both_named = field in PLACES and own[field] is not None and wanted[field] is not None
        if both_named and not path_of(own[field]).exists():
            moved[field] = wanted[field]
            continue
        raise UsageError(
            f"the run was begun with {field} {own[field]}, not {wanted[field]}; leave out "
            f"{parameter.opts[0]}, or begin another run"
        )
    return replace(trainer.recipe, **moved)


def resumed_measuring(context: click.Context, asked: Measuring, own: Measuring | None) -> Measuring:
    """Return how a resumed run is measured: as it was, but for what is given now.

    own: how it was; None: its checkpoint does not say.
    """
    if own is None:
        return asked
    given = {
        name: value
        for name, value in asdict(asked).items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    return replace(own, **given)


def sizes(recipe: Recipe, size: int) -> dict[str, int]:
    """Return the longer sides that --input-size and --picture-size are about, in pixels."""
    return {"input_size": size, "picture_size": picture_size(recipe, size)}


def check_labelled(
    labelled: Path | None, images: Path | None, part: float | None, pasting: Sequence[str]
) -> None:
    """Make sure that the options of a labelled set go together.

    pasting: the options given that say what generated pictures are made of.

    Raises:
        UsageError: they do not.
    """
    if labelled is None:
        if images is not None or part is not None:
            raise UsageError(
                "--labelled-images and --labelled-part need a set; name it with --labelled"
            )
        return
    if images is not None and labelled.suffix.lower() != ".json":
        raise UsageError("--labelled-images is for COCO sets; a data.yaml names its own folders")
    all_labelled = "--cutouts" not in pasting if part is None else part == 1
    if all_labelled and pasting:
        raise UsageError(
            f"{pasting[0]} is for generated pictures, and all are of the labelled set; leave it "
            "out, or give --labelled-part below 1"
        )


def file_of_weights(name: str | None, own: bool, depths: Depths) -> Path | None:
    """Return the file to begin with, a checkpoint or a model's float32 form; None: random weights.

    own: whether the classes are the user's own; then the shipped model is what one begins with,
    unless the network has other depths than that.

    Raises:
        EngineError: it is a model without such a form.
        UsageError: it is no shipped model, and there is no such file.
    """
    name = name or (DEFAULT_MODEL if own and depths == DEPTHS else RANDOM)
    if name == RANDOM:
        return None
    try:
        path = resolve_model(name)
    except UnknownNameError as error:
        raise UsageError(
            f"{error}, or of a run's checkpoint (best.pt), or {RANDOM} for random weights"
        ) from error
    if path.suffix.lower() != MODEL_FILE:
        return path
    return form_in(read_model_info(path), ["fp32"]).path


def note_of_depths(name: str | None, own: bool, depths: Depths) -> str | None:
    """Say that a network does not begin as `file_of_weights` usually lets it, or return None."""
    if name is not None or not own or depths == DEPTHS:
        return None
    return (
        "a network of such --depths begins with random weights, since the shipped model has "
        "others; --weights names something else"
    )


def recipe_of_options(asked: Asked, plan: Plan) -> Recipe:
    """Return how to train, as the options say it, or the stage's plan where they leave it open.

    Raises:
        EngineError, UsageError: there are no such weights, or options contradict each other.
    """
    others = chosen_distractors(asked.distractors, asked.no_distractors)
    weights = file_of_weights(asked.weights, asked.own_classes, asked.depths)
    begun = weights is not None
    given_part = asked.picture_size and asked.picture_size / (asked.input_size or plan.size)
    recipe = Recipe(
        cutouts=name_of(asked.cutouts or CUTOUTS),
        photos=name_of(asked.backgrounds or PHOTOS),
        distractors=named(others),
        labelled=named(asked.labelled),
        labelled_images=named(asked.labelled_images),
        labelled_part=asked.labelled_part or (1.0 if asked.cutouts is None else 0.5),
        stage=asked.stage,
        # the stages' classes are some of those that come with rtloc
        labels=plan.labels if asked.cutouts is None else None,
        variety=VARIETY if asked.variety is None else asked.variety,
        mirror=not asked.no_mirror,
        steps=asked.steps or (min(STEPS_ON, plan.steps) if begun else plan.steps),
        batch_size=asked.batch_size or plan.batch_size,
        learning_rate=asked.learning_rate or plan.learning_rate / (2 if begun else 1),
        warmup_steps=plan.warmup_steps,
        weights=named(weights),
        picture_part=given_part or plan.picture_part,
        # smaller pictures teach quickly what those weights know already
        small_part=0.0 if begun else plan.small_part,
        plain_loss=asked.plain_loss,
        giou_weight=asked.giou_weight,
        surest_weight=plan.surest_weight,
        hard_part=asked.hard_part or 0.0,
        precision=asked.precision,
        seed=asked.seed,
    )
    if asked.hard_part is None:
        recipe = replace(recipe, hard_part=usual_hard_part(recipe))
    return recipe


def named(path: Path | None) -> str | None:
    """Return what the recipe keeps of a path, if there is one."""
    return None if path is None else name_of(path)


def usual_hard_part(recipe: Recipe) -> float:
    """Return which part of each batch is hard pictures, of a recipe for which nobody says it.

    Random weights and short runs have more to learn of their objects than of what is none; and
    there are no hard pictures where none without an object is made, or a batch has no room.
    """
    long = recipe.weights is not None and recipe.steps >= HARD_FROM
    makes_any = recipe.labelled is None or recipe.labelled_part < 1
    has_any = makes_any and STAGES[recipe.stage].has_empty_photos
    has_room = round(HARD_PART * recipe.batch_size) > 0
    return HARD_PART if long and has_any and has_room else 0.0
