"""Several sources in one picture."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.grid import SHOWN_S, Grid, GridPart
from rtloc.live_stats import LiveStats

STATS = LiveStats(("Bulbasaur", "Pikachu"))


class Seen:
    """A view that keeps what it was given."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.found: list[Detections] = []
        self.stats: list[tuple[dict[str, float], str | None]] = []
        self.closed = 0

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        self.frames.append(frame)
        self.found.append(detections)
        self.stats.append((stats.figures(), stats.trouble))

    def say(self, text: str) -> None:
        raise AssertionError("a grid says it on a tile")

    def close(self) -> None:
        self.closed += 1


def parts_of(count: int, stats: list[LiveStats] | None = None) -> tuple[Seen, list[GridPart], Grid]:
    view = Seen()
    grid = Grid([f"camera {n}" for n in range(count)], stats or [STATS] * count, view, [])
    return view, [GridPart(grid, n) for n in range(count)], grid


def picture(value: int, width: int, height: int) -> Frame:
    return Frame(np.full((height, width, 3), value, np.uint8), 0, 0.0)


def one(box: list[float], score: float = 0.9) -> Detections:
    return Detections(
        np.array([box], np.float32), np.array([score], np.float32), np.array([1]), np.array([7])
    )


@given(count=st.integers(1, 9), width=st.integers(1, 900), height=st.integers(1, 900))
def test_each_source_has_a_tile_that_holds_all_of_it(count: int, width: int, height: int) -> None:
    view, parts, grid = parts_of(count)
    for n, part in enumerate(parts):
        part.write(picture(60 + 20 * n, width, height), one([0, 0, width, height]), STATS)
    grid.give()
    whole, found = view.frames[-1].image, view.found[-1]
    assert whole.shape == (720, 1280, 3)
    assert len(found) == count
    for x1, y1, x2, y2 in found.boxes.tolist():
        assert -0.01 <= x1 < x2 <= 1280.01
        assert -0.01 <= y1 < y2 <= 720.01
        assert (x2 - x1) / (y2 - y1) == pytest.approx(width / height, rel=0.01)
    if min(width, height) >= 100:
        middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        values = {int(whole[int(y), int(x)].mean()) for x, y in middles.tolist()}
        assert values == {60 + 20 * n for n in range(count)}


def test_what_is_found_is_joined_best_first_and_without_numbers() -> None:
    view, parts, grid = parts_of(2)
    parts[0].write(picture(100, 640, 360), one([0, 0, 64, 36], 0.5), STATS)
    parts[1].write(picture(100, 640, 360), one([320, 180, 640, 360], 0.9), STATS)
    grid.give()
    found = view.found[-1]
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    assert found.track_ids is None
    assert found.boxes[0].tolist() == pytest.approx([960, 360, 1280, 540])
    assert found.boxes[1].tolist() == pytest.approx([0, 180, 64, 216])


def test_a_message_covers_its_own_tile_only() -> None:
    view, parts, grid = parts_of(2)
    for part in parts:
        part.write(picture(200, 640, 360), Detections.empty(), STATS)
    shown = []
    for text in ("camera 1 is lost; trying again in 0.5 s", "lost", "lost"):
        parts[1].say(text)
        grid.give()
        shown.append(view.frames[-1].image)
        time.sleep(SHOWN_S)
    assert len(view.frames) == 2  # the third time there was no news
    for whole in shown:
        assert (whole[360, :600] == 200).all()
        assert (whole[350:370, 640:] < 100).any()
    dark = [(whole[300:420, 640:] < 100).sum() for whole in shown]
    assert dark[1] < 0.5 * dark[0]  # nothing of the longer one is left
    parts[1].write(picture(200, 640, 360), Detections.empty(), STATS)
    grid.give()
    assert (view.frames[-1].image[350:370, 700:] == 200).all()


def test_all_that_comes_at_a_time_is_given_together() -> None:
    view, parts, grid = parts_of(2)
    for n in range(3):
        for k, part in enumerate(parts):
            part.write(picture(50 * n + 20 * k, 640, 360), Detections.empty(), STATS)
        grid.give()
        grid.give()
        shown = view.frames[-1].image
        assert [int(shown[360, x, 0]) for x in (320, 960)] == [50 * n, 50 * n + 20]
        time.sleep(SHOWN_S)
    assert len(view.frames) == 3


def test_the_figures_are_those_of_all_parts() -> None:
    stats = [LiveStats(STATS.labels) for _ in range(2)]
    view, parts, grid = parts_of(2, stats)
    for k, one_of in enumerate(stats):
        one_of.camera_fps, one_of.dropped, one_of.losses = 10.0 + k, 3 + k, k
        one_of.trouble = "camera 1 is lost" if k else None
        for _ in range(5):
            one_of.took("locate", 0.001 * (k + 1))
            one_of.located(Detections.empty())
            one_of.shown(0.01 * (k + 1))
    parts[0].write(picture(9, 64, 36), Detections.empty(), stats[0])
    grid.give()
    figures, trouble = view.stats[-1]
    assert trouble == "camera 1 is lost"
    assert (figures["camera_fps"], figures["dropped"], figures["losses"]) == (21, 7, 1)
    assert figures["frames"] == 10
    assert figures["total_p50_ms"] == pytest.approx(15)
    assert figures["fps"] > 0


def test_a_grid_is_closed_once() -> None:
    view, parts, _ = parts_of(3)
    for part in parts:
        part.close()
    assert view.closed == 1
