"""`rtloc bench`: measure latency, throughput and load, and compare."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import click

from engines.backends import BACKENDS
from engines.errors import BackendUnavailableError, EngineError
from engines.model_file import resolve_model
from rtloc.addresses import without_password
from rtloc.bench.closed_loop import Measured, measure
from rtloc.bench.compare import compare, read_report
from rtloc.bench.frames import SYNTHETIC, copies, held, open_frames
from rtloc.bench.machine import busy_warning, machine
from rtloc.bench.open_loop import OpenRun, open_loop, sweep
from rtloc.bench.plot import check_plotting, draw_plot
from rtloc.bench.report import (
    Part,
    against_part,
    as_json,
    comparison_part,
    heading,
    markdown,
    open_part,
    show,
    stages_part,
    streams_part,
)
from rtloc.bench.streams import StreamsRun, most_streams
from rtloc.bench.way import Way, open_encoder
from rtloc.commands.bench_options import BENCH_OPTIONS, Asked
from rtloc.commands.options import open_tracker, with_options
from rtloc.engine_progress import engine_progress
from rtloc.errors import RtlocError, UsageError
from rtloc.files import check_writable
from rtloc.frame import Frame, size_wh
from rtloc.growing import text_output
from rtloc.localizer import DEFAULT_MODEL, Localizer
from rtloc.track import Tracker

ROUNDS = 15


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@with_options(*BENCH_OPTIONS)
def command(**options: Any) -> None:
    """Measure how long frames take with MODEL, stage by stage, on this machine.

    Frames go through all stages one after the other on one thread, as fast as they can, after a
    warm-up that lasts until times are steady.
    """
    asked = Asked(**options)
    check(asked)
    about = machine()
    if warning := busy_warning(about):
        click.echo(f"rtloc: {warning}", err=True)
    with ExitStack() as stack:
        frames = stack.enter_context(open_frames(asked.source, asked.size))
        kept = held(frames)
        source = copies(kept) if asked.source == SYNTHETIC else frames
        ways = open_ways(asked, source, stack)
        say(f"measuring {', '.join(way.localizer.engine for way in ways)}")
        measured = measure(ways, ROUNDS, asked.duration, asked.frames)
        load = Load()
        stopped = not load.go(asked, ways[0], kept, measured[0].throughput_fps)
        report = as_json(about, settings_of(asked, ways[0], kept[0]), measured)
    finish(asked, report, measured, load)
    if stopped:
        raise KeyboardInterrupt


def check(asked: Asked) -> None:
    """Make sure, before anything is measured, that what is asked for goes together.

    Raises:
        UsageError: it does not.
        EngineError: there is no such model.
    """
    resolve_model(asked.model)
    if asked.fail_above and not asked.compare:
        raise UsageError("--fail-above needs --compare OLD.json")
    if asked.backend == "all" and (asked.rate or asked.sweep or asked.streams):
        raise UsageError("--rate, --sweep and --streams take one backend; name it with --backend")
    if asked.compare:
        read_report(asked.compare)
    if asked.plot:
        check_plotting(asked.plot)
    for path in (asked.json, asked.plot):
        if path:
            check_writable(path)


def open_ways(asked: Asked, frames: Iterator[Frame], stack: ExitStack) -> list[Way]:
    """Open the way of a frame on each backend that is asked for; of all, on those that work here.

    Raises:
        EngineError: the backend does not work, or none of all does.
    """
    if asked.backend != "all":
        return [stack.enter_context(open_way(asked, asked.backend, frames))]
    ways = []
    for name in BACKENDS:
        try:
            ways.append(stack.enter_context(open_way(asked, name, frames)))
        except BackendUnavailableError as error:
            say(f"without {name}: {error}")
    if not ways:
        raise EngineError("no backend works here; rtloc doctor says why")
    return ways


@contextmanager
def open_way(asked: Asked, backend: str, frames: Iterator[Frame]) -> Iterator[Way]:
    """Open the way of a frame on a backend."""
    with ExitStack() as stack:
        report = stack.enter_context(engine_progress())
        localizer = Localizer(
            asked.model,
            backend=backend,
            input_size=asked.input_size,
            threads=asked.threads,
            batch=asked.batch,
            report=report,
        )
        stack.enter_context(localizer)
        tracker = open_tracker(localizer, asked.track, smooth=True)
        encoder = stack.enter_context(open_encoder()) if asked.encode else None
        yield Way(localizer, frames, asked.batch, tracker, encoder)


@dataclass
class Load:
    """What came of frames that arrive, and of several cameras."""

    runs: list[OpenRun] = field(default_factory=list)
    streams: list[StreamsRun] = field(default_factory=list)

    def go(self, asked: Asked, way: Way, kept: list[Frame], closed_fps: float) -> bool:
        """Try all that is asked for; return False where Ctrl-C ended it, with what is there."""
        try:
            # whose frames begin anew, as does the time of their tracks
            tracker = way.tracker and Tracker(way.tracker.begin, smooth=True)
            self._arrive(asked, replace(way, frames=copies(kept), tracker=tracker), closed_fps)
            if asked.streams:
                seconds = asked.duration / 3
                for run in most_streams(way.localizer, kept, asked.stream_fps, seconds):
                    self._streams_ran(run)
        except KeyboardInterrupt:
            return False
        finally:
            self.runs.sort(key=lambda run: run.rate_fps)
            self.streams.sort(key=lambda run: run.streams)
        return True

    def _arrive(self, asked: Asked, way: Way, closed_fps: float) -> None:
        if asked.rate:
            say(f"{asked.rate:g} frames/s arrive")
            self._ran(open_loop(way, asked.rate, asked.duration))
        if asked.sweep:
            for run in sweep(way, closed_fps, asked.bound, asked.duration / 3):
                self._ran(run)

    def _ran(self, run: OpenRun) -> None:
        self.runs.append(run)
        say(f"{run.rate_fps:.1f} frames/s: p99 {run.latency.p99_ms:.2f} ms")

    def _streams_ran(self, run: StreamsRun) -> None:
        self.streams.append(run)
        late_ms = run.latency.p99_ms
        say(f"{run.streams} streams: p99 {late_ms:.2f} ms, {run.dropped} dropped")


def settings_of(asked: Asked, way: Way, frame: Frame) -> dict[str, Any]:
    """Gather what was measured, ready for JSON."""
    return {
        "command": shlex.join(["rtloc", *map(without_password, sys.argv[1:])]),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": asked.model,
        "precision": way.localizer.info.precision,
        "source": without_password(asked.source),
        "frame_wh": list(size_wh(frame.pixels)),
        "input_size": way.localizer.info.input_size,
        "batch": asked.batch,
        "threads": asked.threads,
        "track": asked.track,
        "encode": asked.encode,
    }


def finish(
    asked: Asked,
    report: dict[str, Any],
    measured: Sequence[Measured],
    load: Load,
) -> None:
    """Write, print, draw and compare, in this order: what fails costs nothing of what is measured.

    Raises:
        RtlocError: the older run cannot be compared with, or frames take longer than --fail-above
            allows.
    """
    report["open_loop"] = [asdict(run) for run in load.runs]
    report["streams"] = [asdict(run) for run in load.streams]
    parts = [stages_part(one) for one in measured]
    if len(measured) > 1:
        parts.append(against_part(measured))
    if load.runs:
        parts.append(open_part(load.runs, asked.bound))
    if load.streams:
        parts.append(streams_part(load.streams))
    if asked.json:
        with text_output(asked.json) as file:
            json.dump(report, file)
    display(asked, parts, heading(report))
    if asked.plot:
        draw_plot(asked.plot, measured, load.runs, asked.bound)
    if asked.compare:
        found = compare(report, read_report(asked.compare))
        display(asked, [comparison_part(found)])
        if asked.fail_above and (slower := found.slower_than(asked.fail_above)):
            raise RtlocError(f"slower than --fail-above {asked.fail_above:g}: {'; '.join(slower)}")


def display(asked: Asked, parts: Sequence[Part], head: Sequence[str] = ()) -> None:
    """Print parts of the report."""
    if asked.markdown:
        click.echo(markdown(parts, head))
    else:
        show(parts, head)


def say(text: str) -> None:
    """Tell the one who waits how far it is."""
    click.echo(f"rtloc: {text}", err=True)
