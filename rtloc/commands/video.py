"""`rtloc video`: find objects in a video file."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click
import cv2

from engines.cores import usable_cores
from rtloc.commands.options import (
    Locating,
    NumberRange,
    locating_options,
    open_localizer,
    open_tracker,
    records_option,
    tracking_options,
    with_options,
)
from rtloc.commands.video_run import Run
from rtloc.errors import RtlocError, UsageError
from rtloc.files import check_writable
from rtloc.interrupts import terminated_like_interrupted
from rtloc.locators import Locators
from rtloc.memory import keep_freed_memory
from rtloc.records import open_records
from rtloc.stats import RunStats
from rtloc.video_file import open_video
from rtloc.video_writer import open_writer
from rtloc.window import open_window

A_PATH = click.Path(path_type=Path)
MOST_STREAMS = 4  # inferences that run side by side
BATCH = 8  # frames of one inference: a quarter less work a frame than one by one


@click.command()
@click.argument("source", metavar="IN", type=A_PATH)
@click.option("-o", "--out", type=A_PATH, help="The annotated MP4.  [default: NAME.rtloc.mp4]")
@records_option
@click.option("--no-video", is_flag=True, help="Write no annotated video.")
@click.option("--show", is_flag=True, help="Show the frames in a window; q or Esc ends the run.")
@click.option("--start", type=NumberRange(0), default=0.0, help="Begin here, in seconds.")
@click.option("--end", type=NumberRange(0, min_open=True), help="End here, in seconds.")
@click.option(
    "--stride",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Locate in every Nth frame only; those between keep its boxes and get no records.",
)
@with_options(*tracking_options(default=False), *locating_options())
def command(
    source: Path,
    out: Path | None,
    records: Path | None,
    no_video: bool,
    show: bool,
    start: float,
    end: float | None,
    stride: int,
    track: bool,
    smooth: bool,
    **locating: Any,
) -> None:
    """Find objects in the video file IN; write it annotated, with its own timing and sound."""
    if end is not None and end <= start:
        raise UsageError(f"--end {end:g} does not lie behind --start {start:g}")
    if no_video and out is not None:
        raise UsageError(f"--no-video writes no video, and -o names {out}; leave one of them out")
    target = None if no_video else out or Path(f"{source.stem}.rtloc.mp4")
    keep_freed_memory()
    with ExitStack() as stack:
        stack.enter_context(terminated_like_interrupted())
        cores = usable_cores()
        # each thread more costs work of its own; beside an encoder no core stands idle without
        video = stack.enter_context(open_video(source, max(1, cores - 1) if target else 0))
        check_targets(source, target, records)
        streams = min(MOST_STREAMS, cores)
        batch = BATCH if stride == 1 else 1
        cv2.setNumThreads(1)  # frames share the cores already, and whole ones cost less
        localizer = stack.enter_context(
            # each inference by itself: threads that share one wait for one another
            open_localizer(Locating(**locating), streams, batch, threads=1)
        )
        labels = localizer.info.labels
        window = stack.enter_context(open_window(f"rtloc {source.name}")) if show else None
        record = stack.enter_context(
            open_records(records, labels, ["index", "time_s"], tracked=track)
        )
        writer = (
            stack.enter_context(open_writer(target, video, beside=out is None)) if target else None
        )
        locators = stack.enter_context(closing(Locators(localizer, streams)))
        stats = RunStats(labels, batch)
        tracker = open_tracker(localizer, track, smooth)
        run = Run(video, localizer, tracker, locators, record, writer, window, stride, stats)
        finish = run.go(start, end)
    report(run, source, start, end)
    if not finish:
        raise KeyboardInterrupt


def check_targets(source: Path, target: Path | None, records: Path | None) -> None:
    """Make sure that what will be written can be, and is not what is read.

    Raises:
        UsageError: it cannot.
    """
    if target and records and target.resolve() == records.resolve():
        raise UsageError(f"the video and the records cannot both be {target}")
    for path in (target, records):
        if path is None:
            continue
        if path.exists() and path.samefile(source):
            raise UsageError(f"{path} is the video itself; name another file to write")
        check_writable(path)
    if target and target.suffix.lower() not in {".mp4", ".m4v", ".mov"}:
        raise UsageError(f"cannot write {target}: the video is an MP4; end its name in .mp4")


def report(run: Run, source: Path, start_s: float, end_s: float | None) -> None:
    """Say what was lost, what was found and where the video is.

    Raises:
        RtlocError: there was no frame at all.
    """
    loss = run.video.loss()
    if loss:
        click.echo(f"rtloc: warning: {loss}", err=True)
    if run.video.reached_end and not run.stats.frames:
        length_s = run.video.read_until_s
        raise RtlocError(
            f"{source} is {length_s:.2f} s long; --start {start_s:g} lies behind its end"
        )
    if end_s is not None and run.video.passed_end and not run.stats.frames:
        raise RtlocError(
            f"no frame of {source} lies between --start {start_s:g} and --end {end_s:g}; "
            f"one lasts {float(1 / run.video.rate):.3g} s"
        )
    localizer = run.localizer
    click.echo(
        f"{run.stats.closing_line('frame')} · {localizer.backend} ({localizer.backend_reason})",
        err=True,
    )
    if run.writer and run.writer.frames_written:
        click.echo(click.format_filename(run.writer.path))
