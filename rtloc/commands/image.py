"""`rtloc image`: find objects in pictures."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from rtloc.commands.options import (
    Locating,
    locating_options,
    open_localizer,
    records_option,
    with_options,
)
from rtloc.errors import RtlocError, UsageError
from rtloc.interrupts import terminated_like_interrupted
from rtloc.overlay import draw
from rtloc.pictures import annotated_names, find_pictures, read_picture, write_picture
from rtloc.records import open_records
from rtloc.stats import RunStats


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder for the annotated copies, NAME.rtloc.SUFFIX.  [default: the current one]",
)
@records_option
@click.option("--no-pictures", is_flag=True, help="Write no annotated copies.")
@with_options(*locating_options(follows=False))
def command(
    paths: tuple[Path, ...],
    out: Path,
    records: Path | None,
    no_pictures: bool,
    **locating: Any,
) -> None:
    """Find objects in PATHS: pictures, and folders of pictures."""
    pictures = find_pictures(paths)
    targets = annotated_names(pictures, out)
    if not no_pictures:
        check_none_is_read(targets, pictures)
    localizer = open_localizer(Locating(**locating))
    if not no_pictures:
        make_folder(out)
    stats = RunStats(localizer.info.labels)
    failed = False
    console = Console(stderr=True)
    shown = track(
        list(zip(pictures, targets, strict=True)),
        console=console,
        disable=not console.is_terminal or len(pictures) < 2,
        description="locating",
    )
    with (
        terminated_like_interrupted(),
        localizer,
        open_records(records, localizer.info.labels, ["path"]) as record,
    ):
        for path, target in shown:
            try:
                image = read_picture(path)
                detections = stats.timed(localizer.locate, image)
                record({"path": str(path)}, detections)
                if not no_pictures:
                    draw(image, detections, localizer.info.labels)
                    write_picture(target, image)
            except RtlocError as error:
                failed = True
                click.echo(f"rtloc: error: {error}", err=True)
    taken = f" · {localizer.backend} ({localizer.backend_reason})" if stats.frames else ""
    click.echo(stats.closing_line("picture") + taken, err=True)
    if failed:
        sys.exit(1)


def check_none_is_read(targets: Sequence[Path], pictures: Sequence[Path]) -> None:
    """Make sure that no picture is written over before it is read.

    Raises:
        UsageError: one would be.
    """
    read = {picture.resolve() for picture in pictures}
    for target in targets:
        if target.resolve() in read:
            raise UsageError(f"{target} is one of the pictures; name another folder with -o")


def make_folder(folder: Path) -> None:
    """Make sure that the folder for the copies is there.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"cannot make the folder {folder}: it is a file") from error
    except FileNotFoundError as error:
        reason = f"there is no folder {folder.parent}; make it first"
        raise UsageError(f"cannot make the folder {folder}: {reason}") from error
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
