"""The parts of `rtloc bench`: samples, rounds, comparisons, and frames that arrive."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from answering_model import write_answering_model
from clips import make_clip
from hypothesis import given
from hypothesis import strategies as st
from mjpeg_server import mjpeg_server

from rtloc.bench.closed_loop import measure
from rtloc.bench.compare import paired, read_report, unpaired
from rtloc.bench.frames import copies, made_frames, open_frames
from rtloc.bench.machine import busy_warning, lines, machine, peak_memory_mib
from rtloc.bench.open_loop import OpenRun, highest_held, open_loop, sweep
from rtloc.bench.report import digits
from rtloc.bench.samples import END_TO_END, Laps, summary, with_locate
from rtloc.bench.streams import StreamsRun, most_streams, new_trackers, streams_held, streams_run
from rtloc.bench.warm_up import WarmUp
from rtloc.bench.way import Way, open_encoder
from rtloc.commands.options import open_tracker
from rtloc.errors import RtlocError, UsageError
from rtloc.frame import Frame
from rtloc.localizer import Localizer
from rtloc.track import Tracker

BOX = (8.0, 8.0, 40.0, 40.0)
SAMPLES = st.lists(st.floats(0.001, 1e4), min_size=1, max_size=300)
BACKEND = {"name": "openvino", "rounds_ms": {"locate": [1.5, 2]}, "calibration_ms": [0.3]}


@pytest.fixture(scope="module")
def localizer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localizer]:
    """A model that answers one box, in next to no time."""
    path = tmp_path_factory.mktemp("bench") / "one.onnx"
    with Localizer(write_answering_model(path, [(BOX, 0.9, 0)], ["cat"])) as opened:
        yield opened


@pytest.fixture
def frames() -> list[Frame]:
    return made_frames(128, 72)


def test_a_summary_of_numbers_worked_by_hand() -> None:
    found = summary([4.0, 1.0, 2.0, 10.0])
    assert (found.count, found.min_ms, found.max_ms, found.mean_ms) == (4, 1, 10, 4.25)
    assert (found.p50_ms, found.p90_ms, found.p99_ms) == (2, 10, 10)
    assert found.jitter_ms == pytest.approx((3 + 1 + 8) / 3)
    assert summary([3.0]).jitter_ms == 0


@given(SAMPLES)
def test_percentiles_are_samples_that_occurred_and_do_not_fall(samples: list[float]) -> None:
    found = summary(samples)
    in_order = [found.min_ms, found.p50_ms, found.p90_ms, found.p99_ms, found.max_ms]
    assert in_order == sorted(in_order)
    assert set(in_order) <= set(samples)
    assert sum(s <= found.p90_ms for s in samples) >= 0.9 * len(samples)


def test_the_stages_make_up_the_whole() -> None:
    laps = Laps()
    laps.begin()
    for stage in ("capture", "fit", "engine", "unfit", "draw"):
        time.sleep(0.001)
        laps(stage)
    took_s = laps.end()
    samples = with_locate(laps.samples_ms)
    assert list(samples) == ["capture", "fit", "engine", "unfit", "draw", "locate", END_TO_END]
    stages = sum(samples[stage][0] for stage in ("capture", "locate", "draw"))
    assert 5 <= stages <= samples[END_TO_END][0] == pytest.approx(1e3 * took_s)


@pytest.mark.parametrize(
    ("times", "verdict"), [(1.3, "slower"), (0.7, "faster"), (1.0, "within noise")]
)
def test_a_verdict_is_of_what_lies_beyond_the_rounds_own_spread(times: float, verdict: str) -> None:
    random = np.random.default_rng(1)
    old, new = (random.normal(10, 0.3, 15) for _ in range(2))
    found = unpaired(times * new, old)
    assert found.verdict == verdict
    assert found.low <= found.ratio <= found.high
    drift = np.linspace(1, 2, 15)  # of the machine, which pairs do not feel
    assert paired(drift * times * new, drift * old).verdict == verdict


def test_rounds_that_differ_much_prove_nothing() -> None:
    random = np.random.default_rng(2)
    assert unpaired(random.uniform(8, 14, 9), random.uniform(7, 13, 9)).verdict == "within noise"
    certain_but_small = unpaired([10.1] * 9, [10.0] * 9)
    assert certain_but_small.low > 1
    assert certain_but_small.verdict == "within noise"


@pytest.mark.parametrize(
    "report",
    [
        {"backends": []},
        {"backends": {"openvino": BACKEND}},
        {"backends": [BACKEND], "settings": "as usual"},
        {"backends": [BACKEND], "machine": None},
        *(
            {"backends": [BACKEND, {k: v for k, v in BACKEND.items() if k != gone}]}
            for gone in BACKEND
        ),
        {"backends": [{**BACKEND, "name": 1}]},
        *(
            {"backends": [{**BACKEND, "calibration_ms": wrong}]}
            for wrong in ([], ["0.3"], [None], 0.3, [float("nan")], [-1.0])
        ),
        {"backends": [{**BACKEND, "rounds_ms": {"locate": []}}]},
        {"backends": [{**BACKEND, "rounds_ms": [[1.5, 2]]}]},
    ],
)
def test_a_report_that_cannot_be_compared_with_is_refused_when_it_is_read(
    tmp_path: Path, report: dict
) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"backends": [BACKEND]}), "utf-8")
    assert read_report(path) == {"backends": [BACKEND]}
    path.write_text(json.dumps(report), "utf-8")
    with pytest.raises(RtlocError, match=r"old\.json is no report of rtloc bench") as caught:
        read_report(path)
    assert "\n" not in str(caught.value)


def test_frames_are_measured_in_rounds_by_turns(localizer: Localizer, frames: list[Frame]) -> None:
    source = copies(frames)
    with open_encoder() as encoder:
        plain = Way(localizer, source, batch=2)
        whole = Way(localizer, source, 1, Tracker(0.5), encoder)
        first, second = measure([plain, whole], rounds=5, seconds=9, frames=20)
    assert first.frames == 20
    assert len(first.samples_ms[END_TO_END]) == 10
    assert second.frames == 20
    stages = ["capture", "fit", "engine", "unfit", "track", "draw", "encode", "locate", END_TO_END]
    assert list(second.samples_ms) == stages
    assert set(first.samples_ms) == set(stages) - {"track", "encode"}
    assert all(len(second.rounds_ms[stage]) == 5 for stage in stages)
    assert len(first.calibration_ms) == 5
    assert first.throughput_fps == pytest.approx(20 / first.seconds)
    assert first.device_ms == {}


@pytest.mark.parametrize(
    ("asked", "batch", "done"), [(17, 1, (5, 17)), (3, 1, (3, 3)), (17, 4, (5, 20))]
)
def test_as_many_frames_are_measured_as_were_asked_for(
    localizer: Localizer, frames: list[Frame], asked: int, batch: int, done: tuple[int, int]
) -> None:
    way = Way(localizer, copies(frames), batch)
    (result,) = measure([way], rounds=5, seconds=9, frames=asked)
    assert (len(result.rounds_ms[END_TO_END]), result.frames) == done


def test_made_frames_are_always_the_same_and_never_drawn_on() -> None:
    first, again = made_frames(64, 48), made_frames(64, 48)
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, again, strict=True))
    assert first[0].pixels.shape == (48, 64, 3)
    one = next(copies(first))
    one.pixels[:] = 0
    assert first[0].pixels.any()


def test_a_file_begins_again_at_its_end(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "five.mp4", frames=5)
    with open_frames(str(clip), None) as frames:
        taken = [next(frames) for _ in range(12)]
    assert [frame.index for frame in taken] == list(range(12))
    assert np.array_equal(taken[0].pixels, taken[5].pixels)
    assert not np.array_equal(taken[0].pixels, taken[1].pixels)
    stamps = [frame.time_s for frame in taken]
    assert stamps == sorted(stamps)
    with pytest.raises(UsageError, match="size of its own"), open_frames(str(clip), (64, 48)):
        pass


def test_a_password_is_not_shown_when_a_stream_ends() -> None:
    with mjpeg_server(np.zeros((48, 64, 3), np.uint8), frames=3) as stream:
        url = stream.url.replace("://", "://me:secret@")
        with (
            pytest.raises(RtlocError, match="has sent no more frames") as error,
            open_frames(url, None) as frames,
        ):
            for _ in frames:
                pass
    assert stream.url in str(error.value)
    assert "secret" not in str(error.value)


def test_waiting_counts_in_the_open_loop(localizer: Localizer, frames: list[Frame]) -> None:
    def stalls_once() -> Iterator[Frame]:
        for n, frame in enumerate(copies(frames)):
            if n == 5:
                time.sleep(0.3)
            yield frame

    run = open_loop(Way(localizer, stalls_once()), rate_fps=50, seconds=0.6)
    assert len(run.latencies_ms) == 30
    assert not run.behind
    # the frames due during the stall have waited for its rest, though each took no time itself
    for n, latency_ms in enumerate(run.latencies_ms[5:15]):
        assert latency_ms >= 300 - 20 * n
    assert run.latency.p99_ms >= 300
    assert not run.holds(200)


def test_a_rate_that_is_far_too_high_is_given_up(tmp_path: Path, frames: list[Frame]) -> None:
    path = write_answering_model(tmp_path / "m.onnx", [(BOX, 0.9, 0)], ["cat"])
    with Localizer(path) as small:
        run = open_loop(Way(small, copies(frames)), rate_fps=20_000, seconds=2)
        alone, four = Way(small, copies(frames)), Way(small, copies(frames), batch=4)
        together = open_loop(four, rate_fps=20_000, seconds=0.001)
        runs = list(sweep(alone, closed_fps=20_000, bound_ms=0.001, seconds=0.01))
    assert run.behind
    assert len(run.latencies_ms) + run.behind == 40_000
    assert len(together.latencies_ms) == 20
    assert four.batch == 4
    assert highest_held(runs[::-1], 0.001) is None
    assert [one.rate_fps for one in runs] == [5000, 2500, 1250, 625, 312.5]


def test_the_highest_rate_held_lies_below_the_lowest_lost() -> None:
    runs = [OpenRun(10, [1.0], 0), OpenRun(20, [9.0], 0), OpenRun(30, [1.0], 0)]
    assert highest_held(runs, 10) == 30
    assert highest_held(runs, 5) == 10
    assert highest_held(runs, 0.5) is None
    assert not OpenRun(10, [1.0], behind=1).holds(5)


def test_every_frame_of_every_stream_is_shown_or_dropped(
    localizer: Localizer, frames: list[Frame]
) -> None:
    run = streams_run(localizer, frames, streams=3, fps=50, seconds=0.5)
    came = len(run.latencies_ms) + run.dropped
    assert 0.5 * 50 * 3 - 9 <= came <= 0.5 * 50 * 3 + 3
    assert min(run.latencies_ms) >= 0


def test_a_stream_that_is_slower_than_the_run_is_waited_for(
    localizer: Localizer, frames: list[Frame]
) -> None:
    run = streams_run(localizer, frames, streams=1, fps=5, seconds=0.01)
    assert len(run.latencies_ms) == 1


def test_streams_are_held_when_each_frame_is_done_before_the_next() -> None:
    assert StreamsRun(1, 5, [200.0], 0).holds()
    assert not StreamsRun(1, 5, [200.1], 0).holds()


def test_streams_are_followed_from_the_models_own_threshold(localizer: Localizer) -> None:
    whole = localizer.threshold
    open_tracker(localizer, track=True, smooth=True)
    assert [one.begin for one in new_trackers(localizer, 2)] == [whole, whole]
    localizer.threshold = whole


def test_streams_are_tried_until_one_more_is_too_many(tmp_path: Path, frames: list[Frame]) -> None:
    path = write_answering_model(tmp_path / "m.onnx", [(BOX, 0.9, 0)], ["cat"], products=8)
    with Localizer(path) as slow:
        runs = list(most_streams(slow, frames, fps=10_000, seconds=0.05))
    assert [run.streams for run in runs] == [1]
    assert not runs[0].holds()
    assert streams_held(runs) == 0
    held, lost = StreamsRun(1, 30, [5.0], 0), StreamsRun(2, 30, [40.0], 0)
    assert streams_held([held, lost]) == 1
    assert not StreamsRun(1, 30, [5.0] * 99, 1).holds()


def test_the_machine_is_named() -> None:
    about = machine()
    assert about["cores"] >= 1
    assert about["libraries"]["openvino"]
    assert about["clock_tick_us"] > 0
    assert about["cpu"] in lines(about)[0]
    assert peak_memory_mib() > 10
    assert busy_warning({**about, "busy_percent": 1}) is None
    assert "80 %" in (busy_warning({**about, "busy_percent": 80}) or "")


def test_a_warm_up_that_did_not_end_says_so() -> None:
    assert "never steady" in WarmUp(10, 500, is_steady=False).text()
    assert "until the medians" in WarmUp(1, 50, is_steady=True).text()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.000"), (0.01234, "0.012"), (1.2345, "1.23"), (12.345, "12.3"), (1234.5, "1234")],
)
def test_three_digits_count(value: float, text: str) -> None:
    assert digits(value) == text
