"""`rtloc stages`: train every stage from nothing, and write what each reaches."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from rtloc.commands.options import NumberRange
from rtloc.commands.run_folder import check_unused, held_folder
from rtloc.commands.train_report import progress_report
from rtloc.errors import UsageError
from rtloc.found_sheet import Tile, draw_sheet
from rtloc.interrupts import terminated_like_interrupted
from rtloc.memory import ALL_BYTES, keep_freed_memory
from rtloc.pictures import write_picture
from train.stage_recipes import PLANS, HeadName
from train.stage_runs import StageRun, run_stage, stopped_run
from train.stage_table import (
    FIGURES,
    Result,
    plain,
    read_results,
    result_of,
    sheet_name,
    with_result,
    write_results,
)
from train.stages import STAGES

A_FOLDER = click.Path(path_type=Path)
SHEET_QUALITY = 80  # of 100, JPEG: a sheet is then smaller than 400 kB
HEADS: dict[str, tuple[HeadName, ...]] = {
    "dense": ("dense",),
    "single": ("single",),
    "both": ("dense", "single"),
}


@click.command()
@click.option(
    "--only", type=click.Choice(list(STAGES)), multiple=True, help="This stage only. Repeatable."
)
@click.option(
    "--head",
    type=click.Choice(list(HEADS)),
    default="both",
    show_default=True,
    help="What answers: dense finds many objects, single one only.",
)
@click.option(
    "-o",
    "--out",
    type=A_FOLDER,
    default=Path("benchmarks/stages"),
    show_default=True,
    help="Folder of the table, its figures and the sheets.",
)
@click.option(
    "--run",
    type=A_FOLDER,
    default=Path("runs/stages"),
    show_default=True,
    help="Folder of checkpoints.",
)
@click.option("--resume", "go_on", is_flag=True, help="Skip what is done; go on where it stopped.")
@click.option(
    "--count",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Pictures to measure on.",
)
@click.option(
    "--steps-scale",
    type=NumberRange(0, 1, min_open=True),
    default=1.0,
    help="Train for this part of the steps only, to try it out.",
)
@click.option(
    "--plain-loss",
    is_flag=True,
    help="Learn from binary cross entropy on the five numbers and cross entropy on the classes, "
    "and nothing else.",
)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="Processes that make pictures.",
)
def command(
    only: tuple[str, ...],
    head: str,
    out: Path,
    run: Path,
    go_on: bool,
    count: int,
    steps_scale: float,
    plain_loss: bool,
    workers: int,
) -> None:
    """Train every stage from nothing and measure it on pictures over photos never trained on.

    Writes a table (table.md), its figures (results.json) and, for each stage and head, a sheet of
    pictures with the true boxes and the found ones. Results that are there already of other stages
    stay. Ctrl-C stops; --resume goes on from there.
    """
    plans = {
        (stage, name): replace(PLANS[name][stage].scaled(steps_scale), plain_loss=plain_loss)
        for stage, name in chosen(only, HEADS[head])
    }
    for (stage, name), plan in plans.items():
        if go_on:
            stopped_run(stage, name, plan, run / name / stage)
        else:
            check_unused(run / name / stage)
    out.mkdir(parents=True, exist_ok=True)
    results = read_results(out / "results.json")
    keep_freed_memory(ALL_BYTES)
    for (stage, name), plan in plans.items():
        if go_on and is_done(results, stage, name, plain(plan), count):
            click.echo(f"{stage}, {name} head: done already", err=True)
            continue
        click.echo(f"{stage}, {name} head: {plan.steps} steps at {plan.size} px", err=True)
        folder = run / name / stage
        with (
            terminated_like_interrupted(),
            held_folder(folder),
            progress_report(plan.steps, quiet=False) as report,
        ):
            done = run_stage(
                stage,
                name,
                plan,
                folder,
                report,
                go_on=go_on,
                count=count,
                workers=workers,
            )
        result = result_of(stage, name, plan, count, done)
        write_sheet(out / sheet_name(result), done, f"{stage}, {name} head")
        results = with_result(results, result)
        write_results(out, results)
        click.echo(summary(result), err=True)
    click.echo(f"{out / 'table.md'}", err=True)


def chosen(only: Sequence[str], heads: Sequence[HeadName]) -> list[tuple[str, HeadName]]:
    """Return the stages to train, with each head that can learn them.

    Raises:
        UsageError: there are none.
    """
    pairs = [
        (stage, head)
        for stage in STAGES
        for head in heads
        if stage in PLANS[head] and (not only or stage in only)
    ]
    if not pairs:
        raise UsageError(f"the {heads[0]} head cannot learn {', '.join(only)}; use --head dense")
    return pairs


def is_done(
    results: Sequence[Result], stage: str, head: str, plan: dict[str, object], count: int
) -> bool:
    """Say whether there is a result of this very plan."""
    return any(
        (r.stage, r.head, r.plan, r.measured_on) == (stage, head, plan, count) for r in results
    )


def write_sheet(path: Path, run: StageRun, title: str) -> None:
    """Draw the first held-out pictures with the true boxes and the found ones, as a JPEG.

    Raises:
        RtlocError: it cannot be written.
    """
    tiles = []
    for sample, found in zip(run.samples, run.found, strict=True):
        texts = [
            f"{run.labels[class_id] if class_id < len(run.labels) else '?'} {score:.2f}"
            for class_id, score in zip(found.class_ids.tolist(), found.scores.tolist(), strict=True)
        ]
        lines = [] if len(sample.boxes) else ["(nothing is there)"]
        tiles.append(Tile(sample.image, sample.boxes, found.boxes, texts, lines))
    write_picture(path, draw_sheet(tiles, title), SHEET_QUALITY)


def summary(result: Result) -> str:
    """Say in one line what a stage reached."""
    figures = ", ".join(f"{FIGURES[name]} {value:.3f}" for name, value in result.figures.items())
    return f"{result.stage}, {result.head} head: {figures}, {result.seconds:.0f} s"
