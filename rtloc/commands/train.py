"""`rtloc train`: make pictures, train on them, write a model file."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import cv2
from click.core import ParameterSource

from rtloc.commands.model_out import check_out
from rtloc.commands.options import with_options
from rtloc.commands.run_folder import held_folder
from rtloc.commands.synth_options import check_needed
from rtloc.commands.train_options import TRAIN_OPTIONS, Asked
from rtloc.commands.train_report import progress_report, summary
from rtloc.commands.train_run import check_labelled, note_of_depths, open_run, recipe_of_options
from rtloc.errors import UsageError
from rtloc.interrupts import terminated_like_interrupted
from rtloc.memory import ALL_BYTES, keep_freed_memory
from train.batches import usual_workers
from train.data_set import DataSet
from train.export import export_checkpoint, prepare_place
from train.places import path_of
from train.recipe import Measuring, Recipe
from train.settle import settle
from train.stage_recipes import PLANS
from train.team import join_team
from train.trainer import Trainer
from train.training_data import LabelledData, TrainingData


@click.command()
@with_options(*TRAIN_OPTIONS)
def command(**options: Any) -> None:
    """Train a detector on cut-outs pasted on photos, and write it as a model file.

    Without --cutouts and --backgrounds it trains on those that come with rtloc. A --labelled set of
    real pictures takes their place, or is mixed in. Classes of your own begin with what the shipped
    model knows of objects in general; --weights names something else to begin with. Ctrl-C keeps
    what was learnt: --resume goes on from there.
    """
    asked = Asked(**options)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    check(asked)
    plan = PLANS["dense"][asked.stage]
    recipe, size = recipe_of_options(asked, plan), asked.input_size or plan.size
    prepare_place(asked.out)
    keep_freed_memory(ALL_BYTES)
    folder = asked.run or Path("runs") / asked.out.stem
    wanted = Measuring(asked.validate_every, asked.held_out, asked.negatives)
    with ExitStack() as held:
        held.enter_context(terminated_like_interrupted())
        with join_team() as team:
            if team.leads:
                held.enter_context(held_folder(folder))
                held.enter_context(told_how_to_go_on(folder))
            trainer, data = open_run(folder, recipe, size, asked.depths, wanted, asked.go_on, team)
            measuring = trainer.measuring or wanted
            depths_note = note_of_depths(asked.weights, asked.own_classes, asked.depths)
            notes = [] if asked.go_on or depths_note is None else [depths_note]
            for line in [*notes, *warnings_of(data, trainer.recipe)] if team.leads else []:
                click.echo(line, err=True)
            learn(trainer, data, measuring, folder, asked.workers)
        if team.leads:
            click.echo("measuring the best weights and settling the threshold", err=True)
            best, count = folder / "best.pt", measuring.held_out
            settle(best, data, samples=count, photos=measuring.negatives, drawings=count)
            figures = export_checkpoint(best, asked.out)
            click.echo(f"{asked.out}: {summary(figures)}", err=True)


@contextmanager
def told_how_to_go_on(folder: Path) -> Iterator[None]:
    """Say, where Ctrl-C ends the block, how what was learnt is not lost."""
    try:
        yield
    except KeyboardInterrupt as error:
        if not (folder / "last.pt").exists():
            raise
        # on a line of its own, behind the terminal's ^C
        click.echo(
            f"\n{folder} has what was learnt; with --resume as well, the same command goes on",
            err=True,
        )
        raise click.Abort from error


def learn(
    trainer: Trainer, data: TrainingData, measuring: Measuring, folder: Path, workers: int | None
) -> None:
    """Train a run to its end, and show how far it is; see `Trainer.train`."""
    leads = trainer.team.leads
    samples = list(data.held_out_samples(measuring.held_out)) if leads else []
    trainer.team.wait()  # else the first would find a run that another has begun
    with progress_report(trainer.recipe.steps, quiet=not leads) as report:
        trainer.train(
            data.training,
            samples,
            folder,
            report,
            workers=usual_workers() if workers is None else workers,
            validate_every=measuring.validate_every,
        )


def check(asked: Asked) -> None:
    """Make sure, before anything is read, that what is asked for goes together.

    Raises:
        UsageError: it does not.
    """
    pasting = {
        "--cutouts": asked.cutouts,
        "--backgrounds": asked.backgrounds,
        "--distractors": asked.distractors,
        "--variety": asked.variety,
    }
    given = [name for name, value in pasting.items() if value is not None]
    check_labelled(asked.labelled, asked.labelled_images, asked.labelled_part, given)
    check_needed(asked.stage, asked.cutouts, asked.backgrounds, asked.variety, asked.no_mirror)
    check_loss(click.get_current_context(), asked)
    check_out(asked.out, may_be_there=asked.go_on)


def check_loss(context: click.Context, asked: Asked) -> None:
    """Make sure that the options of the loss go together.

    Raises:
        UsageError: they do not.
    """
    given = context.get_parameter_source("giou_weight") is ParameterSource.COMMANDLINE
    if given and asked.plain_loss:
        raise UsageError("--plain-loss has no GIoU terms; leave out --giou-weight")


def warnings_of(data: TrainingData, recipe: Recipe) -> list[str]:
    """Say what may be wrong with a labelled set, and with what pictures are generated of."""
    labelled = data if isinstance(data, LabelledData) else None
    generated = data if labelled is None else labelled.generated
    found = generated.warnings(path_of(recipe.photos)) if isinstance(generated, DataSet) else []
    return found if labelled is None else [*found, *labelled.warnings]
