"""The figures of a run."""

import math
import re
import time

import numpy as np

from rtloc.detections import Detections
from rtloc.live_stats import SPEED_OVER_S, LiveStats
from rtloc.stats import KEPT_LATENCIES, RunStats

IMAGE = np.zeros((4, 4, 3), np.uint8)
NOTHING = Detections.empty()


def locate_in(seconds: float, *class_ids: int):
    """A locate function that takes its time and finds what it is told."""
    count = len(class_ids)
    found = Detections(
        np.zeros((count, 4), np.float32), np.ones(count, np.float32), np.array(class_ids, np.int64)
    )

    def locate(image: np.ndarray) -> Detections:
        time.sleep(seconds)
        return found

    return locate


def test_timing_hands_the_detections_through_and_counts_them() -> None:
    stats = RunStats(["cat", "dog"])
    assert stats.timed(locate_in(0, 1, 1, 0), IMAGE).class_ids.tolist() == [1, 1, 0]
    stats.timed(locate_in(0, 1), IMAGE)
    assert (stats.frames, stats.located) == (2, 2)
    assert stats.found == {0: 1, 1: 3}


def test_latency_is_the_time_of_locating() -> None:
    stats = RunStats([])
    stats.timed(locate_in(0.05), IMAGE)
    assert stats.latency_ms(0) > 40


def test_percentiles_are_of_all_latencies() -> None:
    stats = RunStats([])
    for latency_ms in (10, 40, 20, 50, 30):
        stats.count(NOTHING, latency_ms)
    assert [stats.latency_ms(part) for part in (0, 50, 100)] == [10, 30, 50]


def test_of_a_very_long_run_the_last_latencies_count() -> None:
    stats = RunStats([])
    stats.count(NOTHING, 50)
    assert stats.latency_ms(100) == 50
    for _ in range(KEPT_LATENCIES):
        stats.count(NOTHING, 1)
    assert [stats.latency_ms(part) for part in (0, 50, 100)] == [1, 1, 1]
    assert stats.located == KEPT_LATENCIES + 1


def test_frames_that_are_left_out_count_as_frames_only() -> None:
    stats = RunStats(["cat"])
    stats.timed(locate_in(0, 0), IMAGE)
    stats.skip()
    stats.skip()
    assert (stats.frames, stats.located) == (3, 1)


def test_frames_per_second_are_those_of_the_clock_on_the_wall() -> None:
    began_s = time.perf_counter()
    stats = RunStats([])
    for _ in range(10):
        time.sleep(0.02)
        stats.skip()
    fps = stats.fps()
    assert 10 / (time.perf_counter() - began_s) <= fps <= 50


def test_a_source_that_is_lost_has_no_speed() -> None:
    began_s = time.perf_counter()
    stats = LiveStats(["cat"])
    for _ in range(10):
        time.sleep(0.02)
        stats.shown(0.01)
    assert 9 / (time.perf_counter() - began_s) <= stats.fps() <= 50
    time.sleep(SPEED_OVER_S + 0.05)
    assert stats.fps() == 0
    stats.shown(0.01)
    assert stats.fps() == 0


def test_nothing_measured_is_no_number() -> None:
    assert math.isnan(RunStats([]).latency_ms(50))


def test_the_closing_line_says_it_all() -> None:
    stats = RunStats(["cat", "dog", "owl"])
    stats.timed(locate_in(0, 2, 0, 2), IMAGE)
    pattern = (
        r"1 picture · [\d.]+ FPS end to end · locating [\d.]+ ms median, [\d.]+ ms p99 · "
        r"found cat 1, owl 2"
    )
    assert re.fullmatch(pattern, stats.closing_line("picture"))
    stats.batch = 4
    assert re.search(r"· locating 4 at once [\d.]+ ms median, ", stats.closing_line("picture"))


def test_the_closing_line_of_a_run_that_found_nothing() -> None:
    stats = RunStats(["cat"])
    stats.skip()
    line = stats.closing_line("frame")
    assert line.endswith("found nothing")
    assert "locating" not in line


def test_the_closing_line_of_a_run_without_frames() -> None:
    assert RunStats(["cat"]).closing_line("frame") == "0 frames"
