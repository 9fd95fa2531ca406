"""The panel, the help and the banner stay on the picture, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtloc.controls import Controls, open_controls
from rtloc.detections import Detections
from rtloc.live_stats import LiveStats
from rtloc.localizer import Localizer
from rtloc.panel import draw_banner, draw_panel, extent, panel_lines


@pytest.fixture(scope="module")
def controls() -> Iterator[Controls]:
    with Localizer() as localizer:
        yield open_controls(localizer, track=False, smooth=True)


@pytest.fixture
def stats() -> LiveStats:
    one = LiveStats(("Bulbasaur", "Charmander", "Pikachu", "Squirtle"))
    for n in range(20):
        one.came(n, dropped=3, losses=1)
        with one.timing("locate"):
            pass
        one.located(Detections.empty())
        one.shown(0.012)
    return one


def test_the_panel_names_each_figure(stats: LiveStats, controls: Controls) -> None:
    text = "\n".join(panel_lines(stats, controls))
    for part in (
        "FPS, mean",
        "camera",
        "12 ms late, p99 12",
        "openvino int8",
        "3 dropped, lost 1 times",
    ):
        assert part in text
    assert f"threshold {controls.threshold:.2f}" in text


def test_a_picture_gets_the_panel_at_its_top_only(stats: LiveStats, controls: Controls) -> None:
    image = np.full((720, 1280, 3), 200, np.uint8)
    draw_panel(image, stats, controls)
    changed = (image != 200).any(axis=2)
    assert changed[:40].any()
    assert not changed[150:].any()
    assert not changed[:, 640:].any()


def test_help_and_the_mark_of_a_recording_are_drawn(stats: LiveStats, controls: Controls) -> None:
    image = np.full((720, 1280, 3), 200, np.uint8)
    controls.help, controls.panel, controls.recording = True, False, True
    draw_panel(image, stats, controls)
    controls.help, controls.panel, controls.recording = False, True, False
    changed = (image != 200).any(axis=2)
    assert changed[500:, :100].any()
    assert changed[:60, 1200:].any()
    assert not changed[:60, :600].any()


@given(width=st.integers(8, 400), height=st.integers(8, 400))
def test_text_never_runs_off_the_picture(width: int, height: int) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    draw_banner(image, "rtsp://camera.example/stream is lost; trying again in 0.5 s")
    assert (image != 200).any()


@given(n=st.integers(1, 12), scale=st.floats(0.35, 3))
def test_more_lines_need_more_room(n: int, scale: float) -> None:
    few, more = extent(["text"] * n, scale), extent(["longer text"] * (n + 1), scale)
    assert few[0] < more[0]
    assert few[1] < more[1]
