"""The live loop: take the newest frame, locate, draw, and give it to every sink."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

from rtloc.controls import Controls
from rtloc.errors import RtlocError
from rtloc.live import LiveSource
from rtloc.live_stats import LiveStats
from rtloc.overlay import draw
from rtloc.sink import Sink
from rtloc.trails import Trails

WAIT_S = 0.05  # keys are answered at least this often
LOG = logging.getLogger(__name__)


class View(Sink, Protocol):
    """The sink that the viewer looks at; it can be told that nothing comes."""

    def say(self, text: str) -> None:
        """Show a message."""


def watch(
    live: LiveSource,
    controls: Controls,
    view: View,
    sinks: list[Sink],
    stats: LiveStats,
    *,
    key: Callable[[], int],
    trails: Trails | None = None,
) -> None:
    """Go on until the viewer quits, or the source ends for good.

    view: gets each frame last; sinks: before it, and one that fails is left out from then on;
    key: returns what was pressed, -1 for nothing; trails: are drawn if there are any.
    """
    with ExitStack() as stack:
        for sink in (view, *sinks):
            stack.callback(sink.close)
        while not controls.quit:
            controls.press(key())
            frame = live.newest(WAIT_S)
            stats.came(live.received, live.dropped, live.losses)
            stats.trouble = live.trouble
            if frame is None:
                if live.ended:
                    return
                if live.trouble:
                    view.say(live.trouble)
                continue
            if controls.paused:
                continue
            stats.took("wait", live.age_s(frame))
            with stats.timing("locate"):
                detections = controls.localizer.locate_frame(frame)
                if controls.tracker is not None:
                    detections = controls.tracker.update(detections, frame.time_s)
            stats.located(detections)
            with stats.timing("draw"):
                if trails is not None:
                    trails.draw(frame.pixels, detections, frame.time_s)
                draw(frame.pixels, detections, controls.labels)
            for sink in list(sinks):
                try:
                    sink.write(frame, detections, stats)
                except RtlocError as error:
                    LOG.warning("%s; going on without", error)
                    sinks.remove(sink)
            view.write(frame, detections, stats)
            stats.shown(live.age_s(frame))
