"""`rtloc train`: make pictures, train on them, write a model file."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Literal

import click
import cv2
from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TextColumn

from train.curves import LOSSES
from train.data_set import CUTOUTS, PHOTOS, DataSet, load_data_set
from train.errors import TrainError
from train.evaluate import Figures
from train.export import export_checkpoint, prepare_place
from train.negatives import PHOTOS as PHOTOS_WITHOUT
from train.network import NetworkShape
from train.settle import settle
from train.stage_recipes import PLANS
from train.stages import STAGES
from train.team import Team, join_team
from train.trainer import Progress, Recipe, Trainer, resume

DEFAULTS = Recipe()
A_FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("-o", "--out", type=A_FOLDER, default=Path("model.onnx"), show_default=True)
@click.option("--run", type=A_FOLDER, help="Folder of checkpoints and log.  [default: runs/NAME]")
@click.option("--resume", "go_on", is_flag=True, help="Go on with the run in its folder.")
@click.option("--stage", type=click.Choice(list(STAGES)), default=DEFAULTS.stage, show_default=True)
@click.option("--cutouts", type=A_FOLDER, help="A folder per class of PNG, WebP or SVG cut-outs.")
@click.option("--backgrounds", type=A_FOLDER, help="A folder of photos to paste on.")
@click.option("--size", type=click.IntRange(128, 1280), help="Longer side, px.  [default: stage's]")
@click.option("--steps", type=click.IntRange(1), help="[default: the stage's]")
@click.option("--batch-size", type=click.IntRange(1), help="[default: the stage's]")
@click.option("--learning-rate", type=float, help="[default: the stage's]")
@click.option(
    "--giou-weight",
    type=click.FloatRange(0),
    default=DEFAULTS.giou_weight,
    show_default=True,
    help="Weight of the GIoU term; 0 leaves the cross entropies alone.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "bf16"]),
    default="auto",
    show_default=True,
    help="Of the network's arithmetic while it learns; auto takes bf16 where it is faster.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=DEFAULTS.seed, show_default=True)
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True)
@click.option("--validate-every", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--held-out", type=click.IntRange(1), default=500, help="Pictures to validate on.")
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
    size: int | None,
    steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    giou_weight: float,
    precision: Literal["auto", "fp32", "bf16"],
    seed: int,
    workers: int,
    validate_every: int,
    held_out: int,
    negatives: int,
) -> None:
    """Train a detector on cut-outs pasted on photos, and write it as a model file.

    Without --cutouts and --backgrounds it trains on those that come with rtloc. Ctrl-C keeps what
    was learnt: --resume goes on from there.
    """
    plan = PLANS["dense"][stage]
    size = size or plan.size
    if size % 32:
        raise click.BadParameter(f"{size} is not a multiple of 32", param_hint="--size")
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise click.BadParameter(f"{learning_rate} is not above 0", param_hint="--learning-rate")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    prepare_place(out)
    recipe = Recipe(
        cutouts=str(cutouts or CUTOUTS),
        photos=str(backgrounds or PHOTOS),
        stage=stage,
        # the stages' classes are some of those that come with rtloc
        labels=plan.labels if cutouts is None else None,
        steps=steps or plan.steps,
        batch_size=batch_size or plan.batch_size,
        learning_rate=plan.learning_rate if learning_rate is None else learning_rate,
        warmup_steps=plan.warmup_steps,
        giou_weight=giou_weight,
        precision=precision,
        seed=seed,
    )
    folder = run or Path("runs") / out.stem
    with join_team() as team:
        trainer, data = open_run(folder, recipe, size, go_on, team)
        samples = data.held_out_samples(held_out) if team.leads else []
        team.wait()  # else the first would find a run that another has begun
        with progress_report(trainer.recipe.steps, quiet=not team.leads) as report:
            trainer.train(
                data.training,
                samples,
                folder,
                report,
                workers=workers,
                validate_every=validate_every,
            )
    if team.leads:
        click.echo("measuring the best weights and settling the threshold", err=True)
        settle(folder / "best.pt", data, samples=held_out, photos=negatives, drawings=held_out)
        figures = export_checkpoint(folder / "best.pt", out)
        click.echo(f"{out}: {summary(figures)}", err=True)


def open_run(
    folder: Path, recipe: Recipe, size: int, go_on: bool, team: Team
) -> tuple[Trainer, DataSet]:
    """Start a run in `folder`, or go on with the one that is there.

    Raises:
        TrainError: there is a run already, or none to go on with, or its pictures have changed.
    """
    last = folder / "last.pt"
    if go_on:
        trainer = resume(last, team)
        recipe, size = trainer.recipe, trainer.network.shape.size
    elif last.exists():
        raise TrainError(f"{folder} holds a run already; add --resume, or name another with --run")
    data = load_data_set(
        recipe.stage,
        Path(recipe.cutouts),
        Path(recipe.photos),
        size,
        recipe.seed,
        distractors=Path(recipe.distractors) if recipe.distractors else None,
        labels=recipe.labels,
    )
    if not go_on:
        trainer = Trainer(recipe, NetworkShape(len(data.labels), size), data.labels, team)
    elif trainer.labels != data.labels:
        raise TrainError(f"{recipe.cutouts} now holds {data.labels}, the run {trainer.labels}")
    return trainer, data


@contextmanager
def progress_report(steps: int, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a bar with loss, pictures/s and time left on a terminal, else a line per validation."""
    console = Console(stderr=True, quiet=quiet)
    bar = ProgressBar(
        *ProgressBar.get_default_columns(), TextColumn("{task.fields[say]}"), console=console
    )
    with bar if console.is_terminal else nullcontext():
        task = bar.add_task("training", total=steps, say="")

        def report(now: Progress) -> None:
            parts = "  ".join(f"{name} {getattr(now.loss, name).item():.3f}" for name in LOSSES)
            say = f"loss {parts}  {now.pictures_per_s:.0f} pictures/s"
            bar.update(task, completed=now.step, say=say)
            if now.figures is not None:
                console.print(f"step {now.step}: {say}, {summary(now.figures)}", soft_wrap=True)

        yield report


def summary(figures: Figures) -> str:
    """Say in one line how good a model is."""
    return (
        f"mAP@50 {figures.map50:.3f}, mAP@50:95 {figures.map50_95:.3f}, precision "
        f"{figures.precision:.3f} and recall {figures.recall:.3f} at threshold "
        f"{figures.threshold:.2f}"
    )
