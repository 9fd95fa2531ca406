"""`rtloc webcam`: find objects in a live camera or stream."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import fields
from threading import Condition
from typing import Any

import click
import cv2

from rtloc.capture import CameraMode, Source, difference, open_capture
from rtloc.commands.options import (
    Locating,
    locating_options,
    open_localizer,
    tracking_options,
    with_options,
)
from rtloc.commands.webcam_options import (
    OUTPUT_OPTIONS,
    SOURCE_OPTIONS,
    Outputs,
    check_outputs,
)
from rtloc.commands.webcam_sinks import own_sinks, shared_sinks
from rtloc.controls import Controls, open_controls
from rtloc.errors import RtlocError, UsageError
from rtloc.grid import Grid, GridPart
from rtloc.interrupts import terminated_like_interrupted
from rtloc.live import LiveSource
from rtloc.live_stats import LiveStats
from rtloc.sink import Sink
from rtloc.terminal_sink import TerminalSink
from rtloc.track import Tracker
from rtloc.trails import Trails
from rtloc.watch import Station, View, watch
from rtloc.window import check_display, open_window
from rtloc.window_sink import WindowSink

Key = Callable[[], int]


@click.command()
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@with_options(
    *SOURCE_OPTIONS, *OUTPUT_OPTIONS, *tracking_options(default=True), *locating_options()
)
def command(
    sources: tuple[str, ...],
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
    **options: Any,
) -> None:
    """Find objects in SOURCE: a camera's index (0 is the first), its device path, or a URL.

    A window shows the newest frame with boxes, labels and figures; ? in it lists the keys, q or Esc
    quits. Several sources are shown side by side. One that is lost is opened again and again, until
    it comes back.
    """
    wanted = Outputs(**{field.name: options.pop(field.name) for field in fields(Outputs)})
    locating = Locating(**options)
    check_outputs(wanted)
    if trails and not track:
        raise UsageError("--trails are of followed objects; leave out --no-track")
    show = not no_window and wanted.serve is None
    if show:
        check_display("use --serve or --no-window")
    mode = CameraMode(size, fps, fourcc, exposure)
    asked = [Source(name, mode, api, timeout, mirrored=flip) for name in sources or ("0",)]
    names = [one.title for one in asked]
    with ExitStack() as stack:
        aside = stack.enter_context(ThreadPoolExecutor(len(asked)))
        opening = [open_aside(aside, one) for one in asked]  # the engine loads meanwhile
        localizer = stack.enter_context(open_localizer(locating))
        lives = open_lives(stack, asked, opening, comes_back=not no_reconnect)
        controls = open_controls(localizer, track=track, smooth=smooth, sources=len(names))
        shared = shared_sinks(stack, wanted, controls)
        own = own_sinks(stack, wanted, controls, names)
        click.echo(f"rtloc: {localizer.backend} ({localizer.backend_reason})", err=True)
        title = f"rtloc {' '.join(names)}" if show else None
        view, key = open_view(stack, title, controls, panel=len(names) == 1)
        stations, grid = stations_of(lives, controls, view, shared, own, trails=trails)
        stack.callback(close_with_figures, stations)
        with suppress(KeyboardInterrupt), terminated_like_interrupted():
            key = until(duration, controls, key)
            watch(stations, controls, key, grid.give if grid else lambda: None)
        if all(live.ended for live in lives) and not controls.quit:
            raise RtlocError(f"the stream {' and '.join(names)} has ended")


def open_aside(aside: ThreadPoolExecutor, source: Source) -> Future[cv2.VideoCapture]:
    """Open a source in another thread; on macOS a camera in this one.

    There the system asks its user whether a camera may be used, and only for the main thread.
    """
    if sys.platform == "darwin" and source.is_camera:
        here: Future[cv2.VideoCapture] = Future()
        try:
            here.set_result(open_capture(source))
        except RtlocError as error:
            here.set_exception(error)
        return here
    return aside.submit(open_capture, source)


def open_lives(
    stack: ExitStack,
    asked: Sequence[Source],
    opening: Sequence[Future[cv2.VideoCapture]],
    *,
    comes_back: bool,
) -> list[LiveSource]:
    """Wait for the sources that are being opened; say where one gives something else than asked.

    Raises:
        RtlocError: none can be opened; of sources that do not come back, one.
    """
    news = Condition()
    lives = []
    for one, capture in zip(asked, opened(opening, comes_back=comes_back), strict=True):
        live = LiveSource(one, capture, comes_back=comes_back, news=news)
        lives.append(stack.enter_context(closing(live)))
        if other := difference(one.mode, live.mode):
            click.echo(f"rtloc: warning: {one.title} gives {other}", err=True)
    return lives


def opened(
    opening: Sequence[Future[cv2.VideoCapture]], *, comes_back: bool
) -> list[cv2.VideoCapture | None]:
    """Wait for captures; None for one that could not be opened, which may be there later.

    Raises:
        RtlocError: none can be opened; of sources that do not come back, one.
        UsageError: one never could.
    """
    captures: list[cv2.VideoCapture | None] = []
    errors = []
    for one in opening:
        try:
            captures.append(one.result())
        except RtlocError as error:
            if isinstance(error, UsageError) or not comes_back:
                raise
            errors.append(error)
            captures.append(None)
    if len(errors) == len(captures):
        raise errors[0]
    for why in errors:
        click.echo(f"rtloc: warning: {why}; it is tried again until it is there", err=True)
    return captures


def stations_of(
    lives: Sequence[LiveSource],
    controls: Controls,
    view: View,
    shared: list[Sink],
    own: Sequence[list[Sink]],
    *,
    trails: bool,
) -> tuple[list[Station], Grid | None]:
    """Make the stations of a run: one that has all to itself, or several in a grid."""
    trackers: Sequence[Tracker | None] = controls.trackers or [None] * len(lives)
    stats = [LiveStats(controls.labels) for _ in lives]
    views: list[View] = [view]
    grid = None
    if len(lives) == 1:
        own = [[*own[0], *shared]]
    else:
        grid = Grid([live.source.title for live in lives], stats, view, shared)
        views = [GridPart(grid, n) for n in range(len(lives))]
    stations = [
        Station(*parts, trails=Trails() if trails else None)
        for parts in zip(lives, stats, views, own, trackers, strict=True)
    ]
    return stations, grid


def close_with_figures(stations: Sequence[Station]) -> None:
    """Say the figures of each source in a line."""
    for station in stations:
        name = f"{station.live.source.title}: " * (len(stations) > 1)
        with suppress(OSError):  # a full disk under stderr: what else is open must be closed still
            click.echo(f"{name}{station.stats.closing_line()}", err=True)


def open_view(
    stack: ExitStack, title: str | None, controls: Controls, *, panel: bool
) -> tuple[View, Key]:
    """Open what the viewer looks at, a window or the terminal, and what tells pressed keys."""
    if title is None:
        return TerminalSink(), lambda: -1
    window = stack.enter_context(open_window(title))
    return WindowSink(window, controls, panel=panel), window.key


def until(duration_s: float | None, controls: Controls, key: Key) -> Key:
    """Let a run end after some seconds, if any are given."""
    if duration_s is None:
        return key
    ends_s = time.perf_counter() + duration_s

    def key_in_time() -> int:
        controls.quit = controls.quit or time.perf_counter() >= ends_s
        return key()

    return key_in_time
