"""`rtloc synth`: write generated pictures as a data set, or show some on a contact sheet."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import click
import cv2
from rich.console import Console
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as ProgressBar

from rtloc.commands.options import PICTURE_SIZE, NumberRange, with_options
from rtloc.commands.synth_options import (
    AS_TRAIN,
    check_needed,
    chosen_distractors,
    distractor_options,
    mirror_option,
    variety_option,
)
from rtloc.contact_sheet import draw_contact_sheet
from rtloc.errors import UsageError
from rtloc.files import check_new, check_writable, new_folder
from rtloc.pictures import write_picture
from train.data_set import CUTOUTS, HELD_OUT_SEED, PHOTOS, DataSet, load_data_set
from train.generator import PictureMaker
from train.interrupts import stop_asked
from train.stage_recipes import PLANS
from train.stages import STAGES, VARIETY
from train.synth import Pictures, write_coco, write_yolo

A_PATH = click.Path(path_type=Path)
SHOWN = 24  # pictures of a set on a contact sheet
MOST_SHOWN = 240
COUNT = 1000
QUALITY = 95


@click.command()
@click.argument("out", type=A_PATH, required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["coco", "yolo"]),
    default="coco",
    show_default=True,
    help="Of the set.",
)
@click.option(
    "--count",
    type=click.IntRange(1, 999_999),
    help=f"Pictures.  [default: {COUNT}; {SHOWN} for a contact sheet alone]",
)
@click.option("--preview", type=A_PATH, help="Write a contact sheet of the first ones as a PNG.")
@click.option(
    "--stage",
    type=click.Choice(list(STAGES)),
    default="many-objects",
    show_default=True,
    help="What the pictures show, from the easiest on.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Another one makes other pictures.",
)
@click.option(
    "--size", type=PICTURE_SIZE, help="Longer side, px, a multiple of 32.  [default: stage's]"
)
@click.option("--cutouts", type=A_PATH, help=AS_TRAIN)
@click.option("--backgrounds", type=A_PATH, help=AS_TRAIN)
@with_options(
    *distractor_options("Folder of drawings that get no box."),
    variety_option(AS_TRAIN),
    mirror_option,
)
@click.option("--held-out", is_flag=True, help="Over the photos that `rtloc train` measures on.")
@click.option(
    "--val-part",
    type=NumberRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    help="Of the pictures in YOLO form; those are over held-out photos.",
)
@click.option("--jpeg-quality", type=click.IntRange(1, 100), help=f"[default: {QUALITY}]")
@click.option("--png", is_flag=True, help="Write PNG in place of JPEG.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that make pictures.",
)
def command(
    out: Path | None,
    form: str,
    count: int | None,
    preview: Path | None,
    stage: str,
    seed: int,
    size: int | None,
    cutouts: Path | None,
    backgrounds: Path | None,
    distractors: Path | None,
    no_distractors: bool,
    variety: float | None,
    no_mirror: bool,
    held_out: bool,
    val_part: float,
    jpeg_quality: int | None,
    png: bool,
    workers: int,
) -> None:
    """Write pictures with exact boxes to the new folder OUT, for other trainers to read.

    As COCO, OUT gets annotations.json and the folder images; as YOLO, data.yaml and the folders
    images and labels, with train and val in each. The same --seed gives the same files, whatever
    the number of --workers. Ctrl-C ends a set early, whole with the pictures that are done.
    --preview shows some of the pictures; it needs no OUT.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    plan = PLANS["dense"][stage]
    size = size or plan.size
    if png and jpeg_quality is not None:
        raise UsageError("--png and --jpeg-quality contradict each other; leave one out")
    if held_out and variety is not None:
        raise UsageError("--variety is of pictures to train on; leave it out, or --held-out")
    check_needed(stage, cutouts, backgrounds, variety, no_mirror)
    made_of = [one for one in (cutouts, backgrounds, distractors) if one is not None]
    check_outputs(out, preview, count, made_of)
    data = load_data_set(
        stage,
        cutouts or CUTOUTS,
        backgrounds or PHOTOS,
        size,
        seed,
        distractors=chosen_distractors(distractors, no_distractors),
        labels=plan.labels if cutouts is None else None,
        variety=VARIETY if variety is None else variety,
        mirror=not no_mirror,
    )
    for warning in data.warnings(backgrounds or PHOTOS):
        click.echo(warning, err=True)
    unseen = replace(data.held_out, seed=HELD_OUT_SEED + seed)
    maker = unseen if held_out else data.training
    if preview is not None:
        shown = count or SHOWN if out is None else min(count or COUNT, SHOWN)
        write_preview(preview, data, maker, shown)
    if out is None:
        return
    number, quality = count or COUNT, None if png else jpeg_quality or QUALITY
    # a COCO set has one part
    val = 0 if form == "coco" else min(number - 1, round(number * val_part))
    to_train = Pictures(maker, number - val, quality)
    to_validate = Pictures(unseen, val, quality, first=number - val)
    made = write_set(out, form, data.labels, to_train, to_validate, workers)
    click.echo(f"{out}: {made} pictures of the stage {stage} at {size} px", err=True)
    if made < number:
        raise click.Abort


def check_outputs(
    out: Path | None, preview: Path | None, count: int | None, made_of: Sequence[Path]
) -> None:
    """Find out before the work what would fail after it.

    made_of: the folders given, whose pictures stay what they are.

    Raises:
        UsageError: there is nothing to write, or too much for a sheet, or it cannot be written.
    """
    if out is None and preview is None:
        raise UsageError("name a folder OUT to write, or a contact sheet with --preview")
    if preview is not None:
        if preview.suffix.lower() != ".png":
            raise UsageError(f"{preview} must end in .png")
        if out is None and count is not None and count > MOST_SHOWN:
            raise UsageError(f"a contact sheet holds {MOST_SHOWN} pictures at most, not {count}")
        check_writable(preview)
        for folder in made_of:
            if preview.resolve().is_relative_to(folder.resolve()):
                raise UsageError(f"{preview} would lie in {folder}; write it elsewhere")
    if out is not None:
        check_new(out)
        if preview is not None and out.resolve() in (preview.resolve(), *preview.resolve().parents):
            raise UsageError(f"{out} must be a folder of its own; write {preview} beside it")


def write_preview(path: Path, data: DataSet, maker: PictureMaker, count: int) -> None:
    """Write a contact sheet of a maker's first pictures.

    Raises:
        RtlocError: it cannot be written there.
    """
    samples = [maker.make(index) for index in range(count)]
    pictures = [(sample.image, sample.boxes, sample.class_ids) for sample in samples]
    write_picture(path, draw_contact_sheet(pictures, data.labels))


def write_set(
    out: Path,
    form: str,
    labels: Sequence[str],
    to_train: Pictures,
    to_validate: Pictures,
    workers: int,
) -> int:
    """Write a data set to a new folder; of a COCO set, the first part alone.

    Ctrl-C ends it early, with the pictures that there are by then. Returns how many.

    Raises:
        RtlocError, TrainError: it cannot be written.
        KeyboardInterrupt: it was stopped before there was a picture.
    """
    with stop_asked() as stopped, new_folder(out) as folder:
        if form == "coco":
            done = write_coco(folder, labels, to_train, workers, stopped)
        else:
            parts = {"train": to_train, "val": to_validate}
            done = write_yolo(folder, labels, parts, workers, stopped)
        made = show_progress(done, to_train.count + to_validate.count)
        if made == 0:
            raise KeyboardInterrupt
        return made


def show_progress(done: Iterable[int], count: int) -> int:
    """Go through `done`, how many pictures there are, with a bar on a terminal.

    Returns the last.
    """
    console = Console(stderr=True)
    columns = (*ProgressBar.get_default_columns(), MofNCompleteColumn())
    number = 0
    with ProgressBar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("pictures", total=count)
        for number in done:
            bar.update(task, completed=number)
    return number
