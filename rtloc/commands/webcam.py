"""`rtloc webcam`: find objects in a live camera or stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from rtloc.capture import CameraMode, Source, difference, open_capture
from rtloc.commands.options import locating, open_localizer, tracking
from rtloc.commands.webcam_options import (
    OUTPUT_OPTIONS,
    SOURCE_OPTIONS,
    Outputs,
    check_outputs,
    with_options,
)
from rtloc.controls import Controls, open_controls
from rtloc.errors import RtlocError
from rtloc.event_sink import EventSink, command_teller, webhook_teller
from rtloc.interrupts import terminated_like_interrupted
from rtloc.live import LiveSource
from rtloc.live_stats import LiveStats
from rtloc.recording_sink import RecordingSink
from rtloc.records import open_records
from rtloc.records_sink import ABOUT, RecordsSink
from rtloc.sink import Sink
from rtloc.snapshot_sink import SnapshotSink, name_by_time, next_free
from rtloc.terminal_sink import TerminalSink
from rtloc.trails import Trails
from rtloc.watch import View, watch
from rtloc.window import check_display, open_window
from rtloc.window_sink import WindowSink

Key = Callable[[], int]


@click.command()
@click.argument("source", default="0")
@with_options(*SOURCE_OPTIONS, *OUTPUT_OPTIONS)
@tracking(default=True)
@locating
def command(
    source: str,
    size: tuple[int, int] | None,
    fps: float | None,
    fourcc: str | None,
    exposure: float | None,
    flip: bool,
    api: str | None,
    timeout: float,
    no_reconnect: bool,
    no_window: bool,
    duration: float | None,
    trails: bool,
    track: bool,
    smooth: bool,
    model: str,
    backend: str,
    threshold: float | None,
    classes: list[str] | None,
    **outputs: Any,
) -> None:
    """Find objects in SOURCE: a camera's index (0 is the first), its device path, or a URL.

    A window shows the newest frame with boxes, labels and figures; ? in it lists the keys, q or Esc
    quits. A source that is lost is opened again and again, until it comes back.
    """
    wanted = Outputs(**outputs)
    check_outputs(wanted)
    show = not no_window and wanted.serve is None
    if show:
        check_display("use --serve or --no-window")
    mode = CameraMode(size, fps, fourcc, exposure)
    asked = Source(source, mode, api, timeout, mirrored=flip)
    with ExitStack() as stack:
        aside = stack.enter_context(ThreadPoolExecutor(1))
        opening = aside.submit(open_capture, asked)  # the engine loads meanwhile
        localizer = stack.enter_context(open_localizer(model, backend, threshold, classes))
        live = LiveSource(asked, opening.result(), comes_back=not no_reconnect)
        stack.enter_context(closing(live))
        if other := difference(mode, live.mode):
            click.echo(f"rtloc: warning: the camera gives {other}", err=True)
        controls = open_controls(localizer, track=track, smooth=smooth)
        sinks = open_sinks(stack, wanted, controls, source, tracked=track)
        click.echo(f"rtloc: {localizer.backend} ({localizer.backend_reason})", err=True)
        view, key = open_view(stack, f"rtloc {source}" if show else None, controls)
        stats = LiveStats(localizer.info.labels)
        stack.callback(lambda: click.echo(stats.closing_line(), err=True))
        with suppress(KeyboardInterrupt), terminated_like_interrupted():
            watch(
                live,
                controls,
                view,
                sinks,
                stats,
                key=until(duration, controls, key),
                trails=Trails() if trails else None,
            )
        if live.ended and not controls.quit:
            raise RtlocError(f"the stream {source} has ended")


def open_sinks(
    stack: ExitStack, wanted: Outputs, controls: Controls, source: str, *, tracked: bool
) -> list[Sink]:
    """Open what each frame goes to beside the view."""
    controls.recording = wanted.record is not None
    sinks: list[Sink] = [
        SnapshotSink(controls),
        RecordingSink(controls, recording_names(wanted.record)),
    ]
    if wanted.records is not None:
        opened = open_records(wanted.records, controls.labels, ABOUT, tracked=tracked)
        sinks.append(RecordsSink(stack.enter_context(opened)))
    tell = []
    if wanted.on_detect is not None:
        tell.append(command_teller(wanted.on_detect))
    if wanted.webhook is not None:
        tell.append(webhook_teller(wanted.webhook))
    if tell:
        sinks.append(EventSink(source, controls.labels, tell, wanted.gone_after))
    if wanted.serve is not None:
        sinks.append(open_page(stack, controls, wanted.serve))
    return sinks


def open_page(stack: ExitStack, controls: Controls, address: str) -> Sink:
    """Serve the page.

    Raises:
        RtlocError: the packages that it needs are not installed.
    """
    try:
        from rtloc.page_app import page_app
        from rtloc.page_sink import PageSink
        from rtloc.web_server import served
    except ModuleNotFoundError as error:
        raise RtlocError(
            f"--serve needs the module {error.name}; pip install 'rtloc[web]'"
        ) from error
    sink = PageSink(controls)
    url = stack.enter_context(served(partial(page_app, sink, controls), address))
    click.echo(f"rtloc: open {url} in a browser; Ctrl-C ends the run", err=True)
    return sink


def recording_names(first: Path | None) -> Callable[[], Path]:
    """Return a function that names the next recording: `first`, then others beside it."""
    unused = [] if first is None else [first]

    def name() -> Path:
        if unused:
            return unused.pop()
        return name_by_time(".mp4") if first is None else next_free(first)

    return name


def open_view(stack: ExitStack, title: str | None, controls: Controls) -> tuple[View, Key]:
    """Open what the viewer looks at, a window or the terminal, and what tells pressed keys."""
    if title is None:
        return TerminalSink(), lambda: -1
    window = stack.enter_context(open_window(title))
    return WindowSink(window, controls), window.key


def until(duration_s: float | None, controls: Controls, key: Key) -> Key:
    """Let a run end after some seconds, if any are given."""
    if duration_s is None:
        return key
    ends_s = time.perf_counter() + duration_s

    def key_in_time() -> int:
        controls.quit = controls.quit or time.perf_counter() >= ends_s
        return key()

    return key_in_time
