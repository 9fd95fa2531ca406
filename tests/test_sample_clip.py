"""The sample clip and its true boxes are what samples/README.md says."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import pytest

ROOT = Path(__file__).parent.parent
CLIP = ROOT / "samples/pokemon.mp4"
LABELS = {"Bulbasaur", "Charmander", "Squirtle"}
FRAME_TIME_S = Fraction(1001, 30000)
WIDTH, HEIGHT = 1280, 720


@pytest.fixture(scope="module")
def truth() -> list[dict[str, Any]]:
    lines = CLIP.with_suffix(".jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def frame_times_s() -> list[Fraction]:
    with av.open(str(CLIP)) as clip:
        video = clip.streams.video[0]
        return [frame.pts * video.time_base for frame in clip.decode(video)]


def boxes_of(truth: list[dict[str, Any]], label: str) -> list[list[list[float]]]:
    return [[o["box"] for o in line["objects"] if o["label"] == label] for line in truth]


def test_the_clip_is_720p_h264_that_a_browser_plays() -> None:
    with av.open(str(CLIP)) as clip:
        video = clip.streams.video[0]
        assert (video.width, video.height) == (WIDTH, HEIGHT)
        assert video.codec_context.name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.average_rate == 1 / FRAME_TIME_S
    data = CLIP.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "not arranged to start before all is loaded"
    assert len(data) <= 4_000_000


def test_every_frame_stands_at_its_exact_time(frame_times_s: list[Fraction]) -> None:
    assert frame_times_s == [n * FRAME_TIME_S for n in range(len(frame_times_s))]
    assert 9 < len(frame_times_s) * FRAME_TIME_S < 11


def test_the_clip_has_sound_as_long_as_its_picture(frame_times_s: list[Fraction]) -> None:
    with av.open(str(CLIP)) as clip:
        audio = clip.streams.audio[0]
        assert audio.codec_context.name == "aac"
        frames = list(clip.decode(audio))
    sound_s = sum(frame.samples for frame in frames) / frames[0].sample_rate
    assert sound_s == pytest.approx(float(len(frame_times_s) * FRAME_TIME_S), abs=0.1)
    assert max(abs(frame.to_ndarray()).max() for frame in frames) > 0.02


def test_the_truth_has_one_line_per_frame(
    truth: list[dict[str, Any]], frame_times_s: list[Fraction]
) -> None:
    assert [line["index"] for line in truth] == list(range(len(frame_times_s)))
    assert [line["time_s"] for line in truth] == pytest.approx(
        [float(time_s) for time_s in frame_times_s], abs=1e-6
    )


def test_true_boxes_lie_in_the_frame_with_known_labels(truth: list[dict[str, Any]]) -> None:
    objects = [one for line in truth for one in line["objects"]]
    assert {one["label"] for one in objects} == LABELS
    for one in objects:
        x1, y1, x2, y2 = one["box"]
        assert 0 <= x1 < x2 <= WIDTH
        assert 0 <= y1 < y2 <= HEIGHT
        assert 0 <= one["visible"] <= 1


def test_no_class_stands_twice_in_a_frame(truth: list[dict[str, Any]]) -> None:
    for label in LABELS:
        assert max(len(boxes) for boxes in boxes_of(truth, label)) == 1


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_class_leaves_and_comes_back(truth: list[dict[str, Any]], label: str) -> None:
    runs = [present for present, _ in groupby(boxes_of(truth, label), bool)]
    first, last = runs.index(True), len(runs) - 1 - runs[::-1].index(True)
    assert False in runs[first:last]


@pytest.mark.parametrize("label", sorted(LABELS))
def test_every_class_changes_its_size(truth: list[dict[str, Any]], label: str) -> None:
    whole = [
        one["box"][3] - one["box"][1]
        for line in truth
        for one in line["objects"]
        if one["label"] == label and one["visible"] > 0.99
    ]
    assert max(whole) > 2 * min(whole)


def test_for_over_half_a_second_nobody_is_in_the_frame(truth: list[dict[str, Any]]) -> None:
    empty_runs = [
        len(list(lines))
        for present, lines in groupby(bool(t["objects"]) for t in truth)
        if not present
    ]
    assert max(empty_runs) * FRAME_TIME_S > Fraction(1, 2)
