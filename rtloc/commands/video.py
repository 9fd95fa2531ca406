"""`rtloc video`: find objects in a video file."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import click
import cv2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rtloc.commands.options import (
    Locating,
    locating_options,
    open_localizer,
    open_tracker,
    tracking_options,
    with_options,
)
from rtloc.detections import Detections
from rtloc.errors import RtlocError, UsageError
from rtloc.files import check_writable
from rtloc.frame import Frame
from rtloc.interrupts import terminated_like_interrupted
from rtloc.localizer import Localizer
from rtloc.locators import Locators
from rtloc.memory import keep_freed_memory
from rtloc.overlay import draw
from rtloc.pipeline import QUEUE_FRAMES, pipeline
from rtloc.records import Record, open_records
from rtloc.stats import RunStats
from rtloc.track import Tracker
from rtloc.video_file import VideoFile, open_video
from rtloc.video_writer import VideoWriter, open_writer
from rtloc.window import Window, open_window

A_PATH = click.Path(path_type=Path)
MOST_STREAMS = 4  # inferences that run side by side
BATCH = 8  # frames of one inference: a quarter less work a frame than one by one
WAITING_GROUPS = 3  # decoded ahead, so that neither decoding nor locating waits for the other


@dataclass(frozen=True)
class Pending:
    """A frame, and what will be found in it and those beside it.

    found: the detections of each frame of a group, and how many milliseconds they took together;
    None where the stride leaves the frame out: it shows what was found before. place: the frame's
    in its group.
    """

    frame: Frame
    found: Future[tuple[list[Detections], float]] | None
    place: int = 0


@click.command()
@click.argument("source", metavar="IN", type=A_PATH)
@click.option("-o", "--out", type=A_PATH, help="The annotated MP4.  [default: NAME.rtloc.mp4]")
@click.option("--records", type=A_PATH, help="Write what was found as .jsonl or .csv.")
@click.option("--no-video", is_flag=True, help="Write no annotated video.")
@click.option("--show", is_flag=True, help="Show the frames in a window; q or Esc ends the run.")
@click.option("--start", type=click.FloatRange(0), default=0.0, help="Begin here, in seconds.")
@click.option("--end", type=click.FloatRange(0, min_open=True), help="End here, in seconds.")
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
        cores = os.cpu_count() or 1
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
        writer = stack.enter_context(open_writer(target, video)) if target else None
        locators = stack.enter_context(closing(Locators(localizer, streams)))
        stats = RunStats(labels, batch)
        tracker = open_tracker(localizer, track, smooth)
        run = Run(video, localizer, tracker, locators, record, writer, window, stride, stats)
        finish = run.go(start, end)
    report(run, source, target, start, end)
    if not finish:
        raise KeyboardInterrupt


@dataclass
class Run:
    """One run over a video: its parts, and how far it has come."""

    video: VideoFile
    localizer: Localizer
    tracker: Tracker | None
    locators: Locators
    record: Record
    writer: VideoWriter | None
    window: Window | None
    stride: int
    stats: RunStats
    _last: Detections = field(default_factory=Detections.empty)

    def go(self, start_s: float, end_s: float | None) -> bool:
        """Decode, locate and sink, all in threads; return False when Ctrl-C ended it."""
        total = self.video.expected_frames(start_s, end_s)
        room = max(QUEUE_FRAMES, WAITING_GROUPS * self.stats.batch)
        try:
            with (
                frames_bar(total) as advance,
                pipeline(self.pending(start_s, end_s), self.sink, room=room) as results,
            ):
                for frame in results:
                    advance(self.stats.fps())
                    if self.window and not self.window.show(frame.image):
                        break
        except KeyboardInterrupt:
            return False
        return True

    def pending(self, start_s: float, end_s: float | None) -> Iterator[Pending]:
        """Decode; have groups of frames located, or single ones where there is a stride."""
        frames = self.video.frames(start_s, end_s)
        if self.stride > 1:
            for n, frame in enumerate(frames):
                yield Pending(frame, None if n % self.stride else self.locators.locate([frame]))
            return
        while group := list(islice(frames, self.stats.batch)):
            # the last group is filled up: an engine made for another number would cost more
            found = self.locators.locate(group + group[-1:] * (self.stats.batch - len(group)))
            for place, frame in enumerate(group):
                yield Pending(frame, found, place)

    def sink(self, pending: Pending) -> Frame:
        """Record, draw and encode."""
        frame = pending.frame
        if pending.found is None:
            self.stats.skip()
        else:
            found, latency_ms = pending.found.result()
            self._last = found[pending.place]
            if self.tracker is not None:
                self._last = self.tracker.update(self._last, frame.time_s)
            self.stats.count(self._last, latency_ms)
            about = {"index": frame.index, "time_s": round(frame.time_s, 6)}
            self.record(about, self._last)
        if self.writer or self.window:
            draw(frame.pixels, self._last, self.localizer.info.labels)
        if self.writer:
            self.writer.write(frame)
        return frame


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


@contextmanager
def frames_bar(total: int | None) -> Iterator[Callable[[float], None]]:
    """Show a bar with frames/s and time left, on a terminal; yield what counts a frame."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda fps: None
        return
    columns = (
        TextColumn("locating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f} frames/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("locating", total=total, fps=0.0)
        yield lambda fps: bar.update(task, advance=1, fps=fps)


def report(
    run: Run, source: Path, target: Path | None, start_s: float, end_s: float | None
) -> None:
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
    if target and run.writer and run.writer.frames_written:
        click.echo(str(target))
