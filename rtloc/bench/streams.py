"""How many cameras one engine holds: the newest frame of each, located together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from rtloc.bench.samples import Summary, summary
from rtloc.frame import Frame, size_wh
from rtloc.localizer import Localizer
from rtloc.overlay import draw
from rtloc.track import Tracker

LOST_PART = 0.001  # of the frames that may be dropped
MOST = 256


@dataclass(frozen=True)
class StreamsRun:
    """What came of some streams at a time.

    latencies_ms: of every frame shown, from when it came to its being drawn; dropped: frames that a
    newer one of their stream overtook.
    """

    streams: int
    fps: float
    latencies_ms: list[float]
    dropped: int

    @property
    def latency(self) -> Summary:
        """The latencies summed up."""
        return summary(self.latencies_ms)

    def holds(self) -> bool:
        """Whether all streams were held: hardly a frame dropped, and each done before the next."""
        came = len(self.latencies_ms) + self.dropped
        return self.dropped <= LOST_PART * came and self.latency.p99_ms <= 1e3 / self.fps


def streams_run(
    localizer: Localizer, frames: list[Frame], streams: int, fps: float, seconds: float
) -> StreamsRun:
    """Let some streams, each from a moment of its own, send frames; take the newest of each.

    They are followed and drawn as `rtloc webcam` does, one tracker a stream. It takes longer than
    `seconds` where no frame comes until then.
    """
    phases_s = np.random.default_rng(streams).uniform(0, 1 / fps, streams)
    trackers = new_trackers(localizer, streams)
    taken = np.full(streams, -1)
    latencies_ms: list[float] = []
    dropped = 0
    began_s = time.perf_counter()
    while (now_s := time.perf_counter() - began_s) < seconds or not latencies_ms:
        newest = np.floor((now_s - phases_s) * fps).astype(int)
        ready = np.flatnonzero(newest > taken)
        if not len(ready):
            next_s = float((phases_s + (taken + 1) / fps).min())
            time.sleep(max(0.0, next_s - now_s))
            continue
        dropped += int((newest - taken - 1)[ready].sum())
        taken[ready] = newest[ready]
        came = [frames[(n + newest[n]) % len(frames)] for n in ready]
        copies = [Frame(f.pixels.copy(), f.index, now_s) for f in came]
        for n, frame, found in zip(ready, copies, localizer.locate_frames(copies), strict=True):
            followed = trackers[n].update(found, frame.time_s, size_wh(frame.pixels))
            draw(frame.pixels, followed, localizer.info.labels)
            done_s = time.perf_counter() - began_s
            latencies_ms.append(1e3 * (done_s - phases_s[n] - newest[n] / fps))
    return StreamsRun(streams, fps, latencies_ms, dropped)


def new_trackers(localizer: Localizer, streams: int) -> list[Tracker]:
    """Make a tracker for each stream.

    They begin at the model's own threshold: the localizer's may have been halved for a tracker.
    """
    return [Tracker(localizer.info.threshold) for _ in range(streams)]


def most_streams(
    localizer: Localizer, frames: list[Frame], fps: float, seconds: float
) -> Iterator[StreamsRun]:
    """Try ever more streams, then between the last two numbers, until one more is too many."""
    held, lost, streams = 0, MOST + 1, 1  # lost beyond the most: none was, so far
    while streams <= MOST and lost - held > 1:
        batches = [frames[:1] * size for size in (1, 2, 4, 8, streams) if size <= streams]
        for batch in batches:  # so that none is made ready while it is measured
            localizer.locate_frames(batch)
        run = streams_run(localizer, frames, streams, fps, seconds)
        yield run
        held, lost = (streams, lost) if run.holds() else (held, streams)
        streams = 2 * held if lost > MOST else (held + lost) // 2


def streams_held(runs: list[StreamsRun]) -> int:
    """Return the greatest number of streams that was held, no smaller one having been lost.

    runs: by how many streams they had.
    """
    held = list(takewhile(StreamsRun.holds, runs))
    return held[-1].streams if held else 0
