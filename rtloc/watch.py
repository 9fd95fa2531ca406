"""The live loop: take the newest frames, locate, draw, and give them to every sink."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from rtloc.controls import Controls
from rtloc.detections import Detections
from rtloc.errors import RtlocError
from rtloc.frame import Frame, size_wh
from rtloc.live import LiveSource, newest_of
from rtloc.live_stats import LiveStats
from rtloc.overlay import draw
from rtloc.sink import Sink
from rtloc.stats import timed
from rtloc.track import Tracker
from rtloc.trails import Trails

WAIT_S = 0.05  # keys are answered at least this often
LOG = logging.getLogger(__name__)


class View(Sink, Protocol):
    """The sink that the viewer looks at; it can be told that nothing comes."""

    def say(self, text: str) -> None:
        """Show a message."""


@dataclass
class Station:
    """A source and what is its own.

    view: gets each frame last; sinks: before it, and one that fails is left out from then on;
    trails: are drawn if there are any.
    """

    live: LiveSource
    stats: LiveStats
    view: View
    sinks: list[Sink]
    tracker: Tracker | None = None
    trails: Trails | None = None

    def note(self, *, silent: bool) -> None:
        """Note how the source is; silent: no frame has come, and the viewer is told why."""
        self.stats.came(self.live.received, self.live.dropped, self.live.losses)
        trouble = self.live.trouble if silent else None
        if trouble and trouble != self.stats.trouble and self.live.ended:
            LOG.warning("%s; going on with the others", trouble)
        self.stats.trouble = trouble
        if trouble:
            self.view.say(trouble)

    def deliver(self, frame: Frame, detections: Detections, labels: Sequence[str]) -> None:
        """Follow, draw and give away what was found."""
        if self.tracker is not None:
            detections = self.tracker.update(detections, frame.time_s, size_wh(frame.pixels))
        self.stats.located(detections)
        with self.stats.timing("draw"):
            if self.trails is not None:
                self.trails.draw(frame.pixels, detections, frame.time_s)
            draw(frame.pixels, detections, labels)
        for sink in list(self.sinks):
            try:
                sink.write(frame, detections, self.stats)
            except RtlocError as error:
                LOG.warning("%s; going on without", error)
                self.sinks.remove(sink)
        self.view.write(frame, detections, self.stats)
        self.stats.shown(self.live.age_s(frame))


def watch(
    stations: Sequence[Station],
    controls: Controls,
    key: Callable[[], int],
    delivered: Callable[[], None] = lambda: None,
) -> None:
    """Go on until the viewer quits, or all sources have ended for good.

    The frames that several sources have at a time are located together. key: returns what was
    pressed, -1 for nothing; delivered: called when all have got theirs, or none has come.
    """
    lives = [station.live for station in stations]
    with ExitStack() as stack:
        for station in stations:
            for sink in (station.view, *station.sinks):
                stack.callback(sink.close)
        while not controls.quit:
            delivered()
            controls.press(key())
            newest = newest_of(lives, WAIT_S)
            ready = [(s, f) for s, f in zip(stations, newest, strict=True) if f is not None]
            if not ready and all(live.ended for live in lives):
                return
            for station, frame in zip(stations, newest, strict=True):
                station.note(silent=frame is None)
            if not ready or controls.paused:
                continue
            for station, frame in ready:
                station.stats.took("wait", station.live.age_s(frame))
            frames = [frame for _, frame in ready]
            found, latency_ms = timed(controls.localizer.locate_frames, frames)
            for (station, frame), detections in zip(ready, found, strict=True):
                station.stats.took("locate", latency_ms / 1e3)
                station.deliver(frame, detections, controls.labels)
