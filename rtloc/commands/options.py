"""The options that every command which locates has in common, and the localizer made of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from engines.backends import BACKENDS
from engines.model_file import INPUT_STEP, LARGEST_SIZE, SMALLEST_SIZE
from rtloc.engine_progress import engine_progress
from rtloc.localizer import DEFAULT_MODEL, Localizer
from rtloc.track import DOUBTFUL, Tracker

WHY_COMPILE = "rtloc: compiling an engine for this GPU, which is done once and then kept"
Command = Callable[..., Any]
Option = Callable[[Command], Command]


class Number(click.types.FloatParamType):
    """A finite number."""

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number."""
        return finite(super().convert(value, parameter, context), parameter, context)


class NumberRange(click.FloatRange):
    """A finite number within bounds; nan would lie beyond none of them."""

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number."""
        return finite(super().convert(value, parameter, context), parameter, context)


def finite(
    number: float, parameter: click.Parameter | None, context: click.Context | None
) -> float:
    """Return an option's number.

    Raises:
        click.BadParameter: it is infinite, or nan.
    """
    if not math.isfinite(number):
        raise click.BadParameter(f"{number} is no finite number", context, parameter)
    return number


class LongerSide(click.IntRange):
    """The longer side of an input or picture in pixels: one that all grids of a network divide."""

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> int:
        """Return the side as a number."""
        side = int(super().convert(value, parameter, context))
        if side % INPUT_STEP:
            self.fail(f"{side} is not a multiple of {INPUT_STEP}", parameter, context)
        return side


def split_labels(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> list[str] | None:
    """Split a list of labels at its commas."""
    if value is None:
        return None
    labels = [label.strip() for label in value.split(",") if label.strip()]
    if not labels:
        raise click.BadParameter(f"{value!r} names no label", context, parameter)
    return labels


def parse_size_wh(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Read a size such as 1280x720."""
    if value is None:
        return None
    sides = value.lower().replace("×", "x").split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise click.BadParameter(f"{value!r} is no size such as 1280x720", context, parameter)
    return int(sides[0]), int(sides[1])


INPUT_SIZE = LongerSide(SMALLEST_SIZE, LARGEST_SIZE)
PICTURE_SIZE = LongerSide(SMALLEST_SIZE, 1280)  # to train on

backend_option = click.option(
    "--backend",
    type=click.Choice(["auto", *BACKENDS]),
    default="auto",
    show_default=True,
    help="What runs the model; auto takes the first that works here.",
)
input_size_option = click.option(
    "--input-size",
    type=INPUT_SIZE,
    metavar="PIXELS",
    help="The longer side to which frames are scaled: a larger one finds smaller objects, and takes"
    " longer.  [default: the model's own]",
)
records_option = click.option(
    "--records",
    type=click.Path(path_type=Path),
    help="Write what was found as .jsonl or .csv.",
)


def with_options(*options: Option) -> Option:
    """Give a command several options, in this order."""

    def give(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return give


def locating_options(follows: bool = True) -> tuple[Option, ...]:
    """Return --model, --backend, --threshold, --classes and --input-size.

    follows: whether the command can follow objects.
    """
    half = "; of what is followed, half of it" if follows else ""
    return (
        click.option(
            "--model",
            default=DEFAULT_MODEL,
            show_default=True,
            help="A shipped model's name, or the path of a model file.",
        ),
        backend_option,
        click.option(
            "--threshold",
            type=NumberRange(0, 1),
            help=f"The lowest score that counts{half}.  [default: the model's own]",
        ),
        click.option(
            "--classes",
            metavar="LABEL,...",
            callback=split_labels,
            help="Look for these labels only.",
        ),
        input_size_option,
    )


def track_option(default: bool) -> Option:
    """Return --track; default: whether the command tracks unasked."""
    return click.option(
        "--track/--no-track",
        default=default,
        show_default=True,
        help="Follow objects from frame to frame: a number for each, less flicker.",
    )


def tracking_options(default: bool) -> tuple[Option, ...]:
    """Return --track and --smooth; default: whether the command tracks unasked."""
    return (
        track_option(default),
        click.option(
            "--smooth/--no-smooth",
            default=True,
            show_default=True,
            help="Keep the boxes of followed objects from trembling.",
        ),
    )


def open_tracker(localizer: Localizer, track: bool, smooth: bool) -> Tracker | None:
    """Make the tracker that the options ask for; the localizer then answers doubtful ones, too."""
    if not track:
        return None
    tracker = Tracker(localizer.threshold, smooth=smooth)
    localizer.threshold *= DOUBTFUL
    return tracker


@dataclass(frozen=True)
class Locating:
    """What shall locate, as the options of `locating_options` say it; None: as the model does."""

    model: str
    backend: str
    threshold: float | None
    classes: list[str] | None
    input_size: int | None


def open_localizer(
    asked: Locating, streams: int = 1, batch: int = 1, threads: int | None = None
) -> Localizer:
    """Open the localizer that the common options ask for.

    streams: how many threads will locate at once; batch: how many pictures each of them together;
    threads: for one inference, None: the runtime's choice.
    """
    with engine_progress(WHY_COMPILE) as report:
        return Localizer(
            asked.model,
            backend=asked.backend,
            threshold=asked.threshold,
            classes=asked.classes,
            input_size=asked.input_size,
            streams=streams,
            batch=batch,
            threads=threads,
            report=report,
        )
