"""`rtloc train`: make pictures, train on them, write a model file."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import click
import cv2

from rtloc.commands.options import PICTURE_SIZE, with_options
from rtloc.commands.synth_options import chosen_distractors, distractor_options
from rtloc.commands.train_report import progress_report, summary
from rtloc.commands.train_run import (
    HARD_FROM,
    HARD_PART,
    check_labelled,
    file_of_weights,
    open_run,
    usual_hard_part,
)
from rtloc.errors import UsageError
from rtloc.memory import ALL_BYTES, keep_freed_memory
from train.batches import usual_workers
from train.data_set import CUTOUTS, PHOTOS, DataSet
from train.export import export_checkpoint, prepare_place
from train.negatives import PHOTOS as PHOTOS_WITHOUT
from train.network import DEPTHS, Depths
from train.recipe import Recipe
from train.settle import settle
from train.stage_recipes import PLANS
from train.stages import STAGES
from train.team import join_team
from train.training_data import LabelledData, TrainingData

DEFAULTS = Recipe()
STEPS_ON = 3000  # from weights that know much already: a quarter of an hour on two cores
A_PATH = click.Path(path_type=Path)


@click.command()
@click.option("-o", "--out", type=A_PATH, default=Path("model.onnx"), show_default=True)
@click.option("--run", type=A_PATH, help="Folder of checkpoints and log.  [default: runs/NAME]")
@click.option("--resume", "go_on", is_flag=True, help="Go on with the run in its folder.")
@click.option("--stage", type=click.Choice(list(STAGES)), default=DEFAULTS.stage, show_default=True)
@click.option("--cutouts", type=A_PATH, help="A folder per class of PNG, WebP or SVG cut-outs.")
@click.option("--backgrounds", type=A_PATH, help="A folder of photos to paste on, or a video.")
@with_options(*distractor_options("Folder of drawings that shall not be found."))
@click.option("--labelled", type=A_PATH, help="A labelled set: a COCO .json or a YOLO data.yaml.")
@click.option("--labelled-images", type=A_PATH, help="Folder of a COCO set's pictures.")
@click.option(
    "--labelled-part",
    type=click.FloatRange(0, 1, min_open=True),
    help="Of the pictures; 1: all are of the labelled set.  [default: 0.5 with --cutouts, else 1]",
)
@click.option(
    "--weights",
    help="Checkpoint or model to begin with; none: random weights.  [default: pokemon for classes "
    "of your own, else none]",
)
@click.option(
    "--size",
    type=PICTURE_SIZE,
    help="Longer side of the model's input, px.  [default: the stage's]",
)
@click.option(
    "--picture-size",
    type=PICTURE_SIZE,
    help="Longer side of the pictures to learn from, px; somewhat smaller ones take less time and "
    "do as well.  [default: the stage's part of --size]",
)
@click.option(
    "--depths",
    type=(click.IntRange(0, 9),) * 3,
    default=DEPTHS,
    show_default=True,
    help="Convolutions after the first one of strides 8, 16 and 32; fewer are faster.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    help=f"[default: the stage's; from weights {STEPS_ON} at most]",
)
@click.option("--batch-size", type=click.IntRange(1), help="[default: the stage's]")
@click.option(
    "--learning-rate", type=float, help="[default: the stage's, or half of it from weights]"
)
@click.option(
    "--giou-weight",
    type=click.FloatRange(0),
    default=DEFAULTS.giou_weight,
    show_default=True,
    help="Weight of the GIoU term; 0 leaves the cross entropies alone.",
)
@click.option(
    "--hard-part",
    type=click.FloatRange(0, 0.9),
    help="Part of each batch that is pictures without objects in which the network is surest to "
    f"see one.  [default: {HARD_PART} from weights, with {HARD_FROM} steps or more, where there "
    "are such pictures; else 0]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Of the network's arithmetic while it learns; auto takes bf16 where it is faster.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=DEFAULTS.seed, show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Processes that make pictures.  [default: 2; where a GPU trains, all cores but one]",
)
@click.option("--validate-every", type=click.IntRange(1), default=1000, show_default=True)
@click.option(
    "--held-out",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Pictures to validate on.",
)
@click.option(
    "--negatives",
    type=click.IntRange(1),
    default=PHOTOS_WITHOUT,
    show_default=True,
    help="Pictures without objects that the threshold is settled on.",
)
def command(
    out: Path,
    run: Path | None,
    go_on: bool,
    stage: str,
    cutouts: Path | None,
    backgrounds: Path | None,
    distractors: Path | None,
    no_distractors: bool,
    labelled: Path | None,
    labelled_images: Path | None,
    labelled_part: float | None,
    weights: str | None,
    size: int | None,
    picture_size: int | None,
    depths: Depths,
    steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    giou_weight: float,
    hard_part: float | None,
    precision: Literal["auto", "fp32", "bf16"],
    seed: int,
    workers: int | None,
    validate_every: int,
    held_out: int,
    negatives: int,
) -> None:
    """Train a detector on cut-outs pasted on photos, and write it as a model file.

    Without --cutouts and --backgrounds it trains on those that come with rtloc. A --labelled set of
    real pictures takes their place, or is mixed in. Classes of your own begin with what the shipped
    model knows of objects in general; --weights names something else to begin with. Ctrl-C keeps
    what was learnt: --resume goes on from there.
    """
    plan = PLANS["dense"][stage]
    size = size or plan.size
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise click.BadParameter(f"{learning_rate} is not above 0", param_hint="--learning-rate")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    pasting = {"--cutouts": cutouts, "--backgrounds": backgrounds, "--distractors": distractors}
    given = [name for name, folder in pasting.items() if folder is not None]
    check_labelled(labelled, labelled_images, labelled_part, given)
    others = chosen_distractors(distractors, no_distractors)
    if out.suffix.lower() != ".onnx":
        raise UsageError(f"{out} must end in .onnx")
    prepare_place(out)
    keep_freed_memory(ALL_BYTES)
    begun_with = file_of_weights(weights, own=cutouts is not None or labelled is not None)
    steps = steps or (plan.steps if begun_with is None else min(STEPS_ON, plan.steps))
    usual_rate = plan.learning_rate if begun_with is None else plan.learning_rate / 2
    recipe = Recipe(
        # whole paths, so that a run can be resumed from any folder
        cutouts=str((cutouts or CUTOUTS).absolute()),
        photos=str((backgrounds or PHOTOS).absolute()),
        distractors=None if others is None else str(others.absolute()),
        labelled=None if labelled is None else str(labelled.absolute()),
        labelled_images=None if labelled_images is None else str(labelled_images.absolute()),
        labelled_part=labelled_part or (1.0 if cutouts is None else 0.5),
        stage=stage,
        # the stages' classes are some of those that come with rtloc
        labels=plan.labels if cutouts is None else None,
        steps=steps,
        batch_size=batch_size or plan.batch_size,
        learning_rate=usual_rate if learning_rate is None else learning_rate,
        warmup_steps=plan.warmup_steps,
        weights=None if begun_with is None else str(begun_with.absolute()),
        picture_part=picture_size / size if picture_size else plan.picture_part,
        # smaller pictures teach quickly what those weights know already
        small_part=plan.small_part if begun_with is None else 0.0,
        giou_weight=giou_weight,
        surest_weight=plan.surest_weight,
        hard_part=hard_part or 0.0,
        precision=precision,
        seed=seed,
    )
    if hard_part is None:
        recipe = replace(recipe, hard_part=usual_hard_part(recipe))
    folder = run or Path("runs") / out.stem
    with join_team() as team:
        trainer, data = open_run(folder, recipe, size, depths, go_on, team)
        for warning in warnings_of(data, trainer.recipe) if team.leads else []:
            click.echo(warning, err=True)
        samples = list(data.held_out_samples(held_out)) if team.leads else []
        team.wait()  # else the first would find a run that another has begun
        with progress_report(trainer.recipe.steps, quiet=not team.leads) as report:
            trainer.train(
                data.training,
                samples,
                folder,
                report,
                workers=usual_workers() if workers is None else workers,
                validate_every=validate_every,
            )
    if team.leads:
        click.echo("measuring the best weights and settling the threshold", err=True)
        settle(folder / "best.pt", data, samples=held_out, photos=negatives, drawings=held_out)
        figures = export_checkpoint(folder / "best.pt", out)
        click.echo(f"{out}: {summary(figures)}", err=True)


def warnings_of(data: TrainingData, recipe: Recipe) -> list[str]:
    """Say what may be wrong with what pictures are generated of, if any are."""
    generated = data.generated if isinstance(data, LabelledData) else data
    return generated.warnings(Path(recipe.photos)) if isinstance(generated, DataSet) else []
