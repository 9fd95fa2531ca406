"""`rtloc webcam`: find objects in a live camera or stream."""

import time
from collections import deque

import click

from rtloc.commands.options import locating, open_localizer, open_tracker, tracking
from rtloc.errors import RtlocError
from rtloc.live import LiveSource, open_live
from rtloc.localizer import Localizer
from rtloc.overlay import draw, draw_speed
from rtloc.stats import RunStats, timed
from rtloc.track import Tracker
from rtloc.window import Window, check_display, open_window

WAIT_S = 0.05  # the window answers keys at least this often
SPEED_OVER_FRAMES = 30


@click.command()
@click.argument("source", default="0")
@tracking(default=True)
@locating
def command(
    source: str,
    track: bool,
    smooth: bool,
    model: str,
    backend: str,
    threshold: float | None,
    classes: list[str] | None,
) -> None:
    """Find objects in SOURCE: a camera's index (0 is the first), its device path, or a URL.

    A window shows the newest frame with boxes, labels and frames per second; q or Esc quits.
    """
    check_display()
    with (
        open_localizer(model, backend, threshold, classes) as localizer,
        open_live(source) as live,
        open_window(f"rtloc {source}") as window,
    ):
        stats = RunStats(localizer.info.labels)
        tracker = open_tracker(localizer, track, smooth)
        click.echo(f"rtloc: {localizer.backend} ({localizer.backend_reason})", err=True)
        try:
            watch(live, localizer, tracker, window, stats)
        finally:
            click.echo(
                f"{stats.closing_line('frames')} · {live.dropped} older frames dropped", err=True
            )
        if live.ended:
            raise RtlocError(f"the stream {source} has ended")


def watch(
    live: LiveSource,
    localizer: Localizer,
    tracker: Tracker | None,
    window: Window,
    stats: RunStats,
) -> None:
    """Show the newest frame, again and again, until the stream ends or the user quits."""
    shown_s: deque[float] = deque(maxlen=SPEED_OVER_FRAMES)
    while window.goes_on():
        frame = live.newest(WAIT_S)
        if frame is None:
            if live.ended:
                return
            continue
        detections, latency_ms = timed(localizer.locate_frame, frame)
        if tracker is not None:
            detections = tracker.update(detections, frame.time_s)
        stats.count(detections, latency_ms)
        draw(frame.pixels, detections, localizer.info.labels)
        shown_s.append(time.perf_counter())
        draw_speed(frame.pixels, speed(shown_s, stats.last_latency_ms))
        if not window.show(frame.image):
            return


def speed(shown_s: deque[float], latency_ms: float) -> str:
    """Say how many frames a second are shown, and how long the last took to locate."""
    if len(shown_s) < 2:
        return f"locate {latency_ms:.1f} ms"
    fps = (len(shown_s) - 1) / (shown_s[-1] - shown_s[0])
    return f"{fps:.1f} FPS  locate {latency_ms:.1f} ms"
