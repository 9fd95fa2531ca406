"""`rtloc eval`: measure a model on pictures of which it is known what they show."""

import textwrap
from pathlib import Path
from typing import Any

import click
import cv2
from click.core import ParameterSource

from engines.model_file import ModelInfo
from rtloc.commands.eval_report import as_json, as_table
from rtloc.commands.eval_run import Answers, look_at, measure_answers
from rtloc.commands.options import NumberRange, backend_option, input_size_option, with_options
from rtloc.commands.synth_options import (
    GENERATED_OPTIONS,
    OWN_CUTOUTS,
    Folders,
    chosen_folders,
    generated_data,
)
from rtloc.errors import UsageError
from rtloc.files import check_apart, check_writable
from rtloc.found_sheet import Tile, draw_sheet
from rtloc.localizer import DEFAULT_MODEL, Localizer
from rtloc.object_free import check_object_free
from rtloc.pictures import write_picture
from train.coco import precisions
from train.coco_set import read_coco
from train.figures import Figures
from train.negatives import Negatives, negatives_for
from train.picture_set import PictureSet, generated_set
from train.stages import STAGES
from train.worst import Case, WorstCases
from train.yolo_measured import open_yolo
from train.yolo_set import YOLO_SUFFIXES

A_PATH = click.Path(path_type=Path)
GENERATED = 1000
MADE_OF = {"cutouts", "backgrounds", "distractors", "no_distractors", "no_mirror"}
CHARACTERS = 72  # of text below one of the worst pictures


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.argument("data", required=False)
@click.option("--images", type=A_PATH, help="Folder of a COCO set's pictures.  [default: its own]")
@click.option(
    "--count",
    type=click.IntRange(1),
    help="Pictures at most; of a set those are spread over it.  "
    f"[default: {GENERATED} generated ones, all of a set]",
)
@with_options(*GENERATED_OPTIONS)
@click.option(
    "--negatives",
    type=A_PATH,
    multiple=True,
    help="A video, picture or folder without objects, to count false positives in. Repeatable.",
)
@backend_option
@click.option(
    "--threshold",
    type=NumberRange(0, 1),
    help="The lowest score that counts.  [default: the model's own]",
)
@input_size_option
@click.option("--plot", type=A_PATH, help="Write the precision over the recall as a PNG.")
@click.option("--worst", type=A_PATH, help="Write a sheet of the worst pictures as a PNG.")
@click.option("--json", "wants_json", is_flag=True, help="Print the figures as JSON.")
def command(
    model: str,
    data: str | None,
    images: Path | None,
    count: int | None,
    negatives: tuple[Path, ...],
    backend: str,
    threshold: float | None,
    input_size: int | None,
    plot: Path | None,
    worst: Path | None,
    wants_json: bool,
    **folders: Any,
) -> None:
    """Measure MODEL on DATA.

    DATA is a COCO set's .json, a YOLO set's data.yaml (of which its `val` part counts, or else what
    training holds out), or the name of a stage of `rtloc train` for generated pictures over photos
    never trained on; without it, the model's own stage.

    Give other pictures than `rtloc train --labelled` had: it learns from four fifths of a COCO set,
    and chooses the weights and the threshold on what it holds out of a set.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    check_outputs(plot, worst, negatives)
    check_data(data, images is not None, click.get_current_context())
    made_of = chosen_folders(**folders)
    with Localizer(model, backend=backend, threshold=threshold, input_size=input_size) as localizer:
        info, lowest = localizer.info, localizer.threshold
        pictures, free = open_data(data, info, images, count, made_of)
        worst_cases = WorstCases(info.labels, lowest)
        answers = look_at(localizer, pictures, free, negatives, worst_cases)
    measured = measure_answers(answers, info.labels, lowest)
    about: dict[str, str | int] = {
        "model": model,
        "backend": localizer.backend,
        "input_size": info.input_size,
        "data": pictures.title,
    }
    click.echo(as_json(about, measured) if wants_json else as_table(about, measured))
    if not any(len(truth.boxes) for truth in answers.truths):
        click.echo("none of the pictures has a box of what the model knows", err=True)
    if pictures.unknown:
        names = ", ".join(pictures.unknown)
        click.echo(f"boxes of {names} were left out: the model does not know them", err=True)
    # last, so that what cannot be drawn takes no figures with it
    title = f"{model} on {pictures.title}"
    if plot is not None:
        write_plot(plot, answers, measured.figures, info.labels, title)
    if worst is not None:
        tiles = [tile(case, info.labels) for case in worst_cases.cases()]
        write_picture(worst, draw_sheet(tiles, title))


def check_outputs(plot: Path | None, worst: Path | None, negatives: tuple[Path, ...]) -> None:
    """Find out before the work what would fail after it.

    Raises:
        UsageError: a path cannot be written or read.
    """
    for path in (plot, worst):
        if path is not None:
            if path.suffix.lower() != ".png":
                raise UsageError(f"{path} must end in .png")
            check_writable(path)
    if plot is not None and worst is not None:
        check_apart(plot, worst)
    for path in negatives:
        check_object_free(path)
    # what is not installed is told at once
    import faster_coco_eval  # noqa: F401

    if plot is not None:
        import matplotlib  # noqa: F401


def check_data(data: str | None, has_images: bool, context: click.Context) -> None:
    """Make sure that no option is given that is for another kind of DATA.

    Raises:
        UsageError: one is.
    """
    if data is None or data in STAGES:
        if has_images:
            raise UsageError("--images is for COCO sets; leave it out, or name one as DATA")
        return
    for option in context.command.params:
        is_given = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if is_given and option.name in MADE_OF:
            raise UsageError(
                f"{option.opts[0]} is for generated pictures; leave it out, or name a stage as DATA"
            )


def open_data(
    data: str | None,
    info: ModelInfo,
    images: Path | None,
    count: int | None,
    folders: Folders,
) -> tuple[PictureSet, Negatives]:
    """Open the pictures to measure on, and those without objects that go with them.

    folders: what generated pictures are made of. No threshold was settled on any generated picture;
    what a model that was trained on a set has seen of it is said in `open_yolo` and `read_coco`.

    Raises:
        UsageError: DATA is neither a stage nor a file that rtloc reads.
        TrainError: the pictures cannot be used with this model.
    """
    name = info.stage if data is None else data
    if name in STAGES:
        remedy = f"{OWN_CUTOUTS}, or as DATA a labelled set of what it knows"
        generated = generated_data(info, name, folders, remedy).for_evaluation()
        number = count or GENERATED
        free = negatives_for(generated.held_out, number, number)
        return generated_set(generated, name, number), free
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in YOLO_SUFFIXES:
        if images is not None:
            raise UsageError("--images is for COCO sets; a data.yaml names its own folders")
        return open_yolo(path, info.labels, count), Negatives()
    if suffix != ".json":
        raise UsageError(
            f"no stage {name!r}; name a COCO .json, a YOLO data.yaml, or one of {', '.join(STAGES)}"
        )
    return read_coco(path, info.labels, images, count), Negatives()


def write_plot(
    path: Path, answers: Answers, figures: Figures, labels: tuple[str, ...], title: str
) -> None:
    """Draw the precision over the recall.

    Raises:
        TrainError: it cannot be written there.
    """
    from train.pr_plot import draw_precision_recall

    curves = precisions(answers.truths, answers.found, labels)
    draw_precision_recall(curves, figures, path, title)


def tile(case: Case, labels: tuple[str, ...]) -> Tile:
    """Lay out one of the worst pictures."""
    texts = [
        f"{labels[class_id]} {score:.2f}"
        for class_id, score in zip(
            case.found.class_ids.tolist(), case.found.scores.tolist(), strict=True
        )
    ]
    faults = "; ".join(fault.text for fault in case.faults)
    lines = [case.name, *textwrap.wrap(faults, CHARACTERS)]
    return Tile(case.image, case.truth.boxes, case.found.boxes, texts, lines)
