"""`rtloc bench`: measure latency, throughput and load, and compare."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import click

from engines.backends import BACKENDS
from engines.errors import BackendUnavailableError, EngineError
from engines.model_file import resolve_model
from rtloc.bench.closed_loop import Measured, measure
from rtloc.bench.compare import compare, read_report
from rtloc.bench.frames import SYNTHETIC, copies, held, open_frames
from rtloc.bench.machine import busy_warning, machine
from rtloc.bench.open_loop import OpenRun, open_loop, sweep
from rtloc.bench.plot import check_plotting, draw_plot
from rtloc.bench.report import (
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
from rtloc.commands.options import open_tracker
from rtloc.commands.webcam_options import size_wh as parse_size
from rtloc.engine_progress import engine_progress
from rtloc.errors import RtlocError, UsageError
from rtloc.files import check_writable, text_output
from rtloc.frame import Frame, size_wh
from rtloc.localizer import DEFAULT_MODEL, Localizer

ROUNDS = 15
A_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Asked:
    """What was asked for, as the options of the command say it."""

    model: str
    backend: str
    source: str
    size: tuple[int, int] | None
    batch: int
    threads: int | None
    duration: float
    frames: int | None
    track: bool
    encode: bool
    rate: float | None
    sweep: bool
    bound: float
    streams: bool
    stream_fps: float
    json: Path | None
    markdown: bool
    plot: Path | None
    compare: Path | None
    fail_above: float | None


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option(
    "--backend",
    type=click.Choice(["auto", "all", *BACKENDS]),
    default="auto",
    show_default=True,
    help="What runs the model; all: every one that works here, in turn.",
)
@click.option(
    "--source",
    default=SYNTHETIC,
    show_default=True,
    metavar="FILE|CAMERA|synthetic",
    help="Where frames come from; made ones hold no objects.",
)
@click.option(
    "--size",
    metavar="WxH",
    callback=parse_size,
    help="Of made frames, or for the camera.  [default: 1280x720]",
)
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Frames a run.")
@click.option("--threads", type=click.IntRange(1), help="For one inference.")
@click.option(
    "--duration",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Of measuring, in seconds for each backend; of --rate, too.",
)
@click.option("--frames", type=click.IntRange(1), help="Measure so many instead.")
@click.option("--track/--no-track", default=True, show_default=True, help="Follow objects, too.")
@click.option(
    "--encode", is_flag=True, help="Encode, too; its threads go on beside the next frame."
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Then let frames arrive at this rate a second; waiting counts.",
)
@click.option("--sweep", is_flag=True, help="Then find the highest rate that is held.")
@click.option(
    "--bound",
    type=click.FloatRange(0, min_open=True),
    default=33.3,
    show_default=True,
    help="Of --rate and --sweep, ms: held is what keeps 99 of 100 frames within it.",
)
@click.option("--streams", is_flag=True, help="Then find how many cameras are held at a time.")
@click.option(
    "--stream-fps", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True
)
@click.option("--json", type=A_FILE, help="Write everything, every sample, to this file.")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@click.option("--plot", type=A_FILE, help="Draw the latencies, as .png or .svg.")
@click.option("--compare", type=A_FILE, metavar="OLD.json", help="Say what is faster or slower.")
@click.option(
    "--fail-above",
    type=click.FloatRange(1),
    metavar="RATIO",
    help="With --compare: exit code 1 where a frame takes more times as long, beyond noise.",
)
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
        runs = open_runs(asked, ways[0], kept, measured[0].throughput_fps)
        streams = stream_runs(asked, ways[0].localizer, kept)
        report = as_json(about, settings_of(asked, ways[0], kept[0]), measured)
    finish(asked, report, measured, runs, streams)


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
        check_plotting()
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
            asked.model, backend=backend, threads=asked.threads, batch=asked.batch, report=report
        )
        stack.enter_context(localizer)
        tracker = open_tracker(localizer, asked.track, smooth=True)
        encoder = stack.enter_context(open_encoder()) if asked.encode else None
        yield Way(localizer, frames, asked.batch, tracker, encoder)


def open_runs(asked: Asked, way: Way, kept: list[Frame], closed_fps: float) -> list[OpenRun]:
    """Let frames arrive, as asked: at one rate, or at many."""
    way = replace(way, frames=copies(kept))
    runs = []
    if asked.rate:
        say(f"{asked.rate:g} frames/s arrive")
        runs.append(open_loop(way, asked.rate, asked.duration))
    if asked.sweep:
        seconds = asked.duration / 3
        told = partial(tell, "{0.rate_fps:.1f} frames/s: p99 {0.latency.p99_ms:.2f} ms")
        runs += sweep(way, closed_fps, asked.bound, seconds, told)
    return sorted(runs, key=lambda run: run.rate_fps)


def stream_runs(asked: Asked, localizer: Localizer, kept: list[Frame]) -> list[StreamsRun]:
    """Let several cameras send frames, if asked."""
    if not asked.streams:
        return []
    told = partial(tell, "{0.streams} streams: p99 {0.latency.p99_ms:.2f} ms, {0.dropped} dropped")
    return most_streams(localizer, kept, asked.stream_fps, asked.duration / 3, told)


def settings_of(asked: Asked, way: Way, frame: Frame) -> dict[str, Any]:
    """Gather what was measured, ready for JSON."""
    return {
        "command": shlex.join(["rtloc", *sys.argv[1:]]),
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "model": asked.model,
        "precision": way.localizer.info.precision,
        "source": asked.source,
        "frame_wh": list(size_wh(frame.pixels)),
        "batch": asked.batch,
        "threads": asked.threads,
        "track": asked.track,
        "encode": asked.encode,
    }


def finish(
    asked: Asked,
    report: dict[str, Any],
    measured: Sequence[Measured],
    runs: list[OpenRun],
    streams: list[StreamsRun],
) -> None:
    """Print, write, draw and compare.

    Raises:
        RtlocError: frames take longer than --fail-above allows.
    """
    report["open_loop"] = [asdict(run) for run in runs]
    report["streams"] = [asdict(run) for run in streams]
    parts = [stages_part(one) for one in measured]
    if len(measured) > 1:
        parts.append(against_part(measured))
    if runs:
        parts.append(open_part(runs, asked.bound))
    if streams:
        parts.append(streams_part(streams))
    found = compare(report, read_report(asked.compare)) if asked.compare else None
    if found:
        parts.append(comparison_part(found))
    if asked.json:
        with text_output(asked.json) as file:
            json.dump(report, file)
    if asked.plot:
        draw_plot(asked.plot, measured, runs, asked.bound)
    if asked.markdown:
        click.echo(markdown(parts, heading(report)))
    else:
        show(parts, heading(report))
    if found and asked.fail_above and (slower := found.slower_than(asked.fail_above)):
        raise RtlocError(f"slower than --fail-above {asked.fail_above:g}: {'; '.join(slower)}")


def tell(form: str, run: OpenRun | StreamsRun) -> None:
    """Say what came of a run."""
    say(form.format(run))


def say(text: str) -> None:
    """Tell the one who waits how far it is."""
    click.echo(f"rtloc: {text}", err=True)
