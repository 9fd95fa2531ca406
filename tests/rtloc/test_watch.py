"""The live loop keeps up with its source, however slow the engine, and survives its sinks."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median
from threading import Condition

import numpy as np
import pytest
from answering_model import write_answering_model
from mjpeg_server import mjpeg_server
from one_live import open_live

from rtloc.capture import Source, open_capture
from rtloc.controls import Controls, open_controls
from rtloc.detections import Detections
from rtloc.errors import RtlocError
from rtloc.frame import Frame
from rtloc.live import LiveSource
from rtloc.live_stats import LiveStats
from rtloc.localizer import Localizer
from rtloc.watch import Station, watch

SMALL = np.full((240, 320, 3), 200, np.uint8)
LABELS = ["Nidoran♀"]
SLOWER = 5  # times, the engine than the camera


class Looking:
    """A viewer who leaves after some frames, and notes what was seen."""

    def __init__(self, controls: Controls, frames: int) -> None:
        self.controls = controls
        self.frames = frames
        self.seen: list[Detections] = []
        self.said: list[str] = []
        self.resident_mib: list[float] = []

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        self.seen.append(detections)
        self.resident_mib.append(resident_mib())
        self.controls.quit = len(self.seen) >= self.frames

    def say(self, text: str) -> None:
        self.said.append(text)

    def close(self) -> None:
        pass


class Failing(Looking):
    """A sink that takes one frame only."""

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        super().write(frame, detections, stats)
        if len(self.seen) > 1:
            raise RtlocError("cannot write x: No space left on device")


def resident_mib() -> float:
    """Return how much memory this process has now; 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 / 2**20 if status.exists() else 0.0


def model(folder: Path, products: int = 0) -> Path:
    return write_answering_model(
        folder / "m.onnx", [((10, 10, 40, 40), 1.0, 0)], LABELS, products=products
    )


def nothing() -> int:
    return -1


def test_a_slow_engine_is_never_behind_and_needs_no_memory(tmp_path: Path) -> None:
    with Localizer(model(tmp_path, products=6)) as localizer:
        times = []
        for _ in range(8):
            started = time.perf_counter()
            assert len(localizer.locate(SMALL)) == 1
            times.append(time.perf_counter() - started)
        engine_s = median(times[2:])
        controls = open_controls(localizer, track=True, smooth=True)
        view, stats = Looking(controls, 40), LiveStats(LABELS)
        with (
            mjpeg_server(SMALL, rate=SLOWER / engine_s, frames=10_000) as stream,
            open_live(Source(stream.url)) as live,
        ):
            watch([Station(live, stats, view, [], *controls.trackers)], controls, nothing)
            came = stats._received[-1][1]  # as the last count of dropped ones saw it
    # a frame waits for at most the one before it; a busy machine is slower than it just was
    assert stats.latency_ms("total", 50) < 2 * stats.latency_ms("locate", 50)
    assert stats.dropped == pytest.approx(came - 40, abs=5)
    assert stats.dropped > 40
    assert view.resident_mib[-1] - view.resident_mib[10] < 20


def test_a_sink_that_fails_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with (
        Localizer(model(tmp_path)) as localizer,
        mjpeg_server(SMALL, rate=60) as stream,
        open_live(Source(stream.url)) as live,
    ):
        controls = open_controls(localizer, track=False, smooth=True)
        failing, view = Failing(controls, 10_000), Looking(controls, 20)
        watch([Station(live, LiveStats(LABELS), view, [failing])], controls, nothing)
    assert len(view.seen) == 20
    assert len(failing.seen) == 2
    assert "No space left on device; going on without" in caplog.text


def test_a_lost_source_is_said(tmp_path: Path) -> None:
    with (
        Localizer(model(tmp_path)) as localizer,
        mjpeg_server(SMALL, rate=60, frames=40) as stream,
        open_live(Source(stream.url)) as live,
    ):
        controls = open_controls(localizer, track=False, smooth=True)
        view = Looking(controls, 60)
        watch([Station(live, LiveStats(LABELS), view, [])], controls, nothing)
    assert len(view.seen) == 60
    assert any(f"{stream.url} is lost" in text for text in view.said)


def test_one_of_two_sources_that_ends_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Localizer(model(tmp_path)) as localizer,
        mjpeg_server(SMALL, rate=60, frames=40) as ending,
        mjpeg_server(SMALL, rate=60) as going_on,
        ExitStack() as stack,
    ):
        controls = open_controls(localizer, track=False, smooth=True)
        views = [Looking(controls, 10_000), Looking(controls, 150)]
        news = Condition()
        stations = []
        for stream, view in zip((ending, going_on), views, strict=True):
            source = Source(stream.url)
            live = LiveSource(source, open_capture(source), comes_back=False, news=news)
            stack.enter_context(closing(live))
            stations.append(Station(live, LiveStats(LABELS), view, []))
        watch(stations, controls, nothing)
        assert set(views[0].said) == {f"{ending.url} has ended"}
        assert views[1].said == []
        assert caplog.messages == [f"{ending.url} has ended; going on with the others"]


def test_paused_it_delivers_nothing(tmp_path: Path) -> None:
    with (
        Localizer(model(tmp_path)) as localizer,
        mjpeg_server(SMALL, rate=60) as stream,
        open_live(Source(stream.url)) as live,
    ):
        controls = open_controls(localizer, track=False, smooth=True)
        view = Looking(controls, 10_000)
        keys = [-1] * 60 + [ord(" ")] + [-1] * 60 + [ord("q")]
        watch([Station(live, LiveStats(LABELS), view, [])], controls, lambda: keys.pop(0))
    assert 20 < len(view.seen) < 75
