"""`rtloc video`, called as a user does."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from clips import LABELS, SOUND_RATE_HZ, make_clip, sound_packets, video_stamps
from full_disk import full_disk

from rtloc import Localizer
from rtloc.commands.video_run import waiting_frames
from rtloc.h264 import WAITS
from rtloc.video_file import open_video

Fails = Callable[..., str]
SAMPLE = Path(__file__).parents[2] / "samples" / "pokemon.mp4"


@pytest.fixture
def clip(tmp_path: Path, scene: np.ndarray) -> Path:
    """One second of the scene in 640×360 at 29.97 frames/s, with AAC sound."""
    return make_clip(
        tmp_path / "in.mp4",
        frames=30,
        size_wh=(640, 360),
        image=cv2.resize(scene, (640, 360)),
        sound="aac",
    )


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_annotated_video_keeps_rate_timestamps_and_sound(rtloc, clip: Path) -> None:
    done = rtloc("video", clip)
    assert done.returncode == 0, done.stderr
    out = clip.with_name("in.rtloc.mp4")
    assert done.stdout.strip() == "in.rtloc.mp4"
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == Fraction(30000, 1001)
        assert (stream.width, stream.height) == (640, 360)
        assert stream.duration * stream.time_base == Fraction(30 * 1001, 30000)
    assert video_stamps(out) == video_stamps(clip)
    assert sound_packets(out) == sound_packets(clip)
    assert [p.name for p in clip.parent.iterdir() if p.name.startswith(".")] == []


def test_the_boxes_are_drawn_and_the_rest_is_left_alone(rtloc, clip: Path) -> None:
    rtloc("video", clip)
    images = []
    for path in (clip, clip.with_name("in.rtloc.mp4")):
        capture = cv2.VideoCapture(str(path))
        capture.set(cv2.CAP_PROP_POS_FRAMES, 20)
        images.append(capture.read()[1].astype(int))
    apart = np.abs(images[0] - images[1]).max(axis=2)
    assert (apart > 100).sum() > 500
    assert np.median(apart) < 8


def test_the_closing_line_says_what_was_done(rtloc, clip: Path) -> None:
    done = rtloc("video", clip, "--no-video")
    assert done.stdout == ""
    line = done.stderr.strip()
    assert "\n" not in line
    for part in ("30 frames", "FPS", "ms median", "p99", *(f"{name} 30" for name in LABELS)):
        assert part in line
    assert not clip.with_name("in.rtloc.mp4").exists()


def test_records_tell_frame_time_and_boxes(rtloc, clip: Path) -> None:
    done = rtloc("video", clip, "--no-video", "--records", "r.jsonl")
    assert done.returncode == 0
    records = lines(clip.with_name("r.jsonl"))
    assert [r["index"] for r in records] == list(range(30))
    assert records[7]["time_s"] == pytest.approx(7 * 1001 / 30000, abs=1e-6)
    found = sorted(records[0]["detections"], key=lambda d: d["box"][0])
    assert [d["label"] for d in found] == list(LABELS)
    assert all(0 <= x <= 640 for d in found for x in d["box"])


def test_records_are_those_of_the_frames_one_by_one(rtloc, tmp_path: Path) -> None:
    rtloc("video", SAMPLE, "--no-video", "--end", 2, "--records", tmp_path / "found.jsonl")
    localizer = Localizer()
    with open_video(SAMPLE) as video:
        frames = list(video.frames(0, 2))
    for row, frame in zip(lines(tmp_path / "found.jsonl"), frames, strict=True):
        found = localizer.locate_frame(frame)
        assert row["index"] == frame.index
        boxes = [one["box"] for one in row["detections"]]
        assert np.allclose(boxes, found.boxes, atol=0.1)


def test_csv_records(rtloc, clip: Path) -> None:
    assert rtloc("video", clip, "--no-video", "--records", "r.csv").returncode == 0
    rows = clip.with_name("r.csv").read_text().splitlines()
    assert rows[0] == "index,time_s,label,score,x1,y1,x2,y2"
    assert len(rows) == 1 + 90


def test_followed_objects_have_numbers_that_stay(rtloc, clip: Path) -> None:
    done = rtloc("video", clip, "--no-video", "--track", "--records", "r.jsonl")
    assert done.returncode == 0, done.stderr
    rows = lines(clip.with_name("r.jsonl"))
    numbers = [{(d["label"], d["track"]) for d in row["detections"]} for row in rows]
    assert all(one == numbers[0] for one in numbers)
    assert len(numbers[0]) == 3
    assert {label for label, _ in numbers[0]} == set(LABELS)


def test_a_stride_locates_every_nth_frame_and_writes_all(rtloc, clip: Path) -> None:
    done = rtloc("video", clip, "-o", "o.mp4", "--records", "r.jsonl", "--stride", 4)
    assert done.returncode == 0
    assert [r["index"] for r in lines(clip.with_name("r.jsonl"))] == list(range(0, 30, 4))
    assert len(video_stamps(clip.with_name("o.mp4"))) == 30


def test_a_part_of_the_video_begins_at_zero_with_its_own_sound(rtloc, clip: Path) -> None:
    options = ("-o", "o.mp4", "--start", 0.5, "--end", 0.8, "--records", "r.jsonl")
    assert rtloc("video", clip, *options).returncode == 0
    out = clip.with_name("o.mp4")
    assert [r["index"] for r in lines(clip.with_name("r.jsonl"))] == list(range(15, 24))
    assert video_stamps(out) == [n * Fraction(1001, 30000) for n in range(9)]
    whole = {content: at for at, content in sound_packets(clip)}
    begin = Fraction(15 * 1001, 30000)
    part = sound_packets(out)
    assert 0.25 < float(part[-1][0]) < 0.35
    for at, content in part:
        assert float(at) == pytest.approx(float(whole[content] - begin), abs=1e-4)


def test_classes_and_threshold_choose_what_is_found(rtloc, clip: Path) -> None:
    done = rtloc("video", clip, "--no-video", "--classes", "Squirtle", "--backend", "onnxruntime")
    assert "found Squirtle 30 · onnxruntime (as asked)" in done.stderr
    done = rtloc("video", clip, "--no-video", "--threshold", "1")
    assert done.returncode == 0


@pytest.mark.xfail(not WAITS, reason="FFmpeg before 8.1 moves pictures by the sound's priming")
def test_a_variable_frame_rate_stays_variable(rtloc, tmp_path: Path) -> None:
    stamps = [0, 40, 50, 200, 201, 500, 900]
    path = make_clip(
        tmp_path / "in.mkv", frames=7, stamps=stamps, time_base=Fraction(1, 1000), sound="libopus"
    )
    assert rtloc("video", path).returncode == 0
    out = tmp_path / "in.rtloc.mp4"
    assert video_stamps(out) == [Fraction(s, 1000) for s in stamps]
    assert [c for _, c in sound_packets(out)] == [c for _, c in sound_packets(path)]


@pytest.mark.parametrize("frames", [10, 11, 12])  # the last one shown is decoded last, or is not
def test_a_long_last_picture_stays_long(rtloc, tmp_path: Path, frames: int) -> None:
    rate = Fraction(10)
    path = make_clip(tmp_path / "in.mp4", frames=frames, rate=rate, last_s=3, preset="ultrafast")
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    with av.open(str(tmp_path / "in.rtloc.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == Fraction(frames - 1, 10) + 3


@pytest.mark.parametrize("frames", range(24, 32))  # the last one shown is decoded last, or is not
def test_the_mean_rate_stays_whatever_is_decoded_last(rtloc, tmp_path: Path, frames: int) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=frames)
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "in.rtloc.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(30000, 1001)
        assert stream.duration * stream.time_base == Fraction(frames * 1001, 30000)


@pytest.mark.parametrize(
    ("name", "sound", "kept"),
    [
        ("in.mkv", "libopus", "opus"),
        ("in.mkv", "flac", "flac"),
        ("in.avi", "libmp3lame", "mp3"),
        ("in.avi", "pcm_s16le", "aac"),
        ("in.mkv", "mp2", "aac"),
        ("in.ts", "ac3", "aac"),
        ("in.ts", "aac", "aac"),
    ],
)
def test_sound_of_any_kind_comes_along(
    rtloc, tmp_path: Path, name: str, sound: str, kept: str
) -> None:
    path = make_clip(tmp_path / name, sound=sound)
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "in.rtloc.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.codec.canonical_name == kept
        rate = stream.rate
        mono = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        parts = [part for frame in container.decode(stream) for part in mono.resample(frame)]
        tone = np.concatenate([part.to_ndarray()[0] for part in parts])
    assert len(tone) / rate == pytest.approx(60 * 1001 / 30000, abs=0.12)
    loudest = np.abs(np.fft.rfft(tone)).argmax() * rate / len(tone)
    assert loudest == pytest.approx(440, abs=3)


@pytest.mark.parametrize(
    ("name", "sound", "rates_hz"),
    [
        ("in.avi", "libmp3lame", (11025, 11025)),
        ("in.mkv", "pcm_s16le", (4000, 7350)),
        ("in.mov", "pcm_s16le", (192_000, 96_000)),
    ],
)
def test_sound_at_a_rate_that_an_mp4_does_not_hold_becomes_aac(
    rtloc, tmp_path: Path, name: str, sound: str, rates_hz: tuple[int, int]
) -> None:
    path = make_clip(tmp_path / name, sound=sound, sound_rate_hz=rates_hz[0])
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "in.rtloc.mp4")) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.codec.canonical_name, stream.rate) == ("aac", rates_hz[1])
        assert float(stream.duration * stream.time_base) == pytest.approx(2, abs=0.3)
        assert container.streams.video[0].frames == 60


@pytest.mark.parametrize("sound", ["mp2", "aac"])
def test_sound_whose_times_begin_anew_goes_on(rtloc, tmp_path: Path, sound: str) -> None:
    path = make_clip(tmp_path / "in.ts", sound=sound)
    path.write_bytes(2 * path.read_bytes())
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    starts = np.diff([float(at) for at, _ in sound_packets(tmp_path / "in.rtloc.mp4")])
    assert starts.sum() == pytest.approx(4, abs=0.2)
    assert starts.min() > 0.015
    assert starts.max() < 0.1


def test_sound_that_changes_its_channels_goes_on(rtloc, tmp_path: Path) -> None:
    stereo = make_clip(tmp_path / "in.ts", sound="ac3")
    surround = make_clip(tmp_path / "5.1.ts", sound="ac3", layout="5.1")
    stereo.write_bytes(stereo.read_bytes() + surround.read_bytes())
    done = rtloc("video", stereo)
    assert done.returncode == 0, done.stderr
    assert len(sound_packets(tmp_path / "in.rtloc.mp4")) == pytest.approx(4 * 48000 / 1024, abs=5)


@pytest.mark.parametrize(
    ("sound", "layout", "kept"),
    [
        ("ac3", "mono", "mono"),
        ("ac3", "5.1(side)", "5.1"),
        ("pcm_s16le", "7.1", "5.1"),
        ("ac3", "5.0(side)", "5.0"),
    ],
)
def test_sound_keeps_its_channels(
    rtloc, tmp_path: Path, sound: str, layout: str, kept: str
) -> None:
    done = rtloc("video", make_clip(tmp_path / "in.mkv", frames=30, sound=sound, layout=layout))
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "in.rtloc.mp4")) as container:
        stream = container.streams.audio[0]
        assert stream.layout.name == kept
        sounds = np.concatenate([one.to_ndarray() for one in container.decode(stream)], axis=1)
    assert np.abs(sounds).max() > 0.1


def test_sound_that_cannot_be_encoded_costs_no_picture(rtloc, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mov", sound="pcm_s16le", layout="9 channels")
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("in.mov: the sound cannot be carried over any further: ") == 1
    assert len(video_stamps(tmp_path / "in.rtloc.mp4")) == 60


def test_names_may_have_a_colon(rtloc, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", sound="aac").rename(tmp_path / "12:30.mp4")
    done = rtloc("video", "12:30.mp4", "-o", "12:31.mp4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "12:31.mp4"
    assert len(video_stamps(tmp_path / "12:31.mp4")) == 60


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_need_not_be_utf_8(rtloc, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=3)
    odd = path.rename(tmp_path / os.fsdecode(b"caf\xe9.mp4"))
    done = rtloc("video", odd.name, PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "caf\N{REPLACEMENT CHARACTER}.rtloc.mp4"
    assert (tmp_path / os.fsdecode(b"caf\xe9.rtloc.mp4")).exists()


@pytest.mark.parametrize("turned", [False, True])
def test_pixels_that_are_no_squares_keep_their_shape(rtloc, tmp_path: Path, turned: bool) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=3, pixel_aspect=Fraction(16, 11))
    if turned:  # by a quarter, as the matrix of the track's head says
        before, head, after = path.read_bytes().partition(b"tkhd")
        upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
        quarter = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
        path.write_bytes(before + head + after.replace(upright, quarter, 1))
    done = rtloc("video", path)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "in.rtloc.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == ((240, 320) if turned else (320, 240))
        assert stream.sample_aspect_ratio == (Fraction(11, 16) if turned else Fraction(16, 11))


@pytest.mark.parametrize("size_wh", [(64, 48), (64, 50), (65, 49)])
def test_colours_stay_whatever_their_matrix(
    rtloc, tmp_path: Path, size_wh: tuple[int, int]
) -> None:
    colours = (100, 110, 180)  # which BT.601 and BT.709 take for different ones
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv444p"
        stream.codec_context.colorspace = Colorspace.ITU709
        for n in range(3):
            one = av.VideoFrame(*size_wh, "yuv444p")
            one.pts, one.colorspace = n, Colorspace.ITU709
            for plane, value in zip(one.planes, colours, strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            output.mux(stream.encode(one))
        output.mux(stream.encode(None))
    assert rtloc("video", "in.mkv", "-o", "out.mp4").returncode == 0
    with av.open(str(tmp_path / "out.mp4")) as video:
        assert video.streams.video[0].codec_context.colorspace == Colorspace.ITU709
        frame = next(video.decode(video=0))
    rows = [np.frombuffer(one, np.uint8).reshape(-1, one.line_size) for one in frame.planes]
    shown = [row[: one.height, : one.width] for row, one in zip(rows, frame.planes, strict=True)]
    assert max(abs(one.mean() - value) for one, value in zip(shown, colours, strict=True)) <= 3


def test_odd_sides_become_even(rtloc, tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=5, size_wh=(320, 240))
    wide = tmp_path / "odd.gif"
    with av.open(str(wide), "w") as output:
        stream = output.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 65, 33, "rgb8"
        for n in range(3):
            one = av.VideoFrame.from_ndarray(np.full((33, 65, 3), 80 * n, np.uint8), format="bgr24")
            output.mux(stream.encode(one))
        output.mux(stream.encode(None))
    done = rtloc("video", wide)
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "odd.rtloc.mp4")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (66, 34)
    assert path.exists()


@pytest.mark.parametrize("size_wh", [(1, 1), (64, 2)])
def test_the_smallest_pictures_are_written(rtloc, tmp_path: Path, size_wh: tuple[int, int]) -> None:
    make_clip(tmp_path / "in.avi", frames=3, size_wh=size_wh, codec="rawvideo")
    done = rtloc("video", "in.avi")
    assert done.returncode == 0, done.stderr
    assert len(video_stamps(tmp_path / "in.rtloc.mp4")) == 3


def start(tmp_path: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtloc", *map(str, arguments)]
    return subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)


def wait_for_data(path: Path, size: int) -> None:
    """Wait until a file has grown to a size."""
    for _ in range(600):
        if path.exists() and path.stat().st_size >= size:
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not grow to {size} bytes")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, scene: np.ndarray) -> Path:
    return make_clip(
        tmp_path_factory.mktemp("long") / "in.mp4",
        frames=1500,
        size_wh=(1280, 720),
        image=scene,
        preset="ultrafast",
    )


@pytest.fixture
def long_clip(tmp_path: Path, made_once: Path) -> Path:
    """More than can be annotated in the time of a test's wait."""
    return Path(shutil.copy(made_once, tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_playable_file_and_its_records(
    tmp_path: Path, long_clip: Path, kind: signal.Signals
) -> None:
    process = start(tmp_path, "video", long_clip, "--records", "r.jsonl")
    wait_for_data(tmp_path / ".in.rtloc.part.mp4", 200_000)
    process.send_signal(kind)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "frames" in errors
    written = video_stamps(tmp_path / "in.rtloc.mp4")
    assert 0 < len(written) < 1500
    assert len(lines(tmp_path / "r.jsonl")) == len(written)


def test_even_a_killed_run_leaves_what_can_be_played(tmp_path: Path, long_clip: Path) -> None:
    process = start(tmp_path, "video", long_clip)
    partial = tmp_path / ".in.rtloc.part.mp4"
    wait_for_data(partial, 200_000)
    process.kill()
    process.communicate()
    assert len(video_stamps(partial)) > 30


@pytest.mark.parametrize("frames", [30, 200])  # what is full is seen at the end, or before
def test_on_a_full_disk_the_beginning_has_its_name(
    fails: Fails, tmp_path: Path, scene: np.ndarray, frames: int
) -> None:
    make_clip(tmp_path / "in.mp4", frames=frames, image=cv2.resize(scene, (320, 240)))
    with full_disk(10_000):
        line = fails(1, "video", "in.mp4")
    assert "cannot write in.rtloc.mp4: File too large" in line
    assert {path.name for path in tmp_path.iterdir()} == {"in.mp4", "in.rtloc.mp4"}
    assert (tmp_path / "in.rtloc.mp4").stat().st_size == 10_000


def test_records_on_a_full_disk_are_not_taken_for_the_video(fails: Fails, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mp4", frames=10, size_wh=(64, 48))
    with full_disk(20_000):
        line = fails(1, "video", "in.mp4", "--records", "r.jsonl", "--threshold", 0)
    assert "cannot write r.jsonl: File too large" in line
    assert (tmp_path / "r.jsonl").stat().st_size == 20_000


def test_a_gap_that_no_mp4_holds_is_named(rtloc, fails: Fails, tmp_path: Path) -> None:
    stamps = [3600 * n + 90_000 * 30_000 * (n >= 20) for n in range(40)]
    make_clip(
        tmp_path / "in.ts",
        frames=40,
        rate=Fraction(25),
        stamps=stamps,
        time_base=Fraction(1, 90_000),
    )
    line = fails(1, "video", "in.ts")
    assert "in.ts has no picture from 0.76 s to 30000.80 s" in line
    assert "in.rtloc.mp4 ends there, and --start 30000 makes one of the rest" in line
    assert len(video_stamps(tmp_path / "in.rtloc.mp4")) == 20
    done = rtloc("video", "in.ts", "--start", 30000, "-o", "rest.mp4")
    assert done.returncode == 0, done.stderr
    assert len(video_stamps(tmp_path / "rest.mp4")) == 20


@pytest.mark.parametrize(
    ("size_wh", "batch", "frames"),
    [
        ((320, 240), 8, 24),
        ((320, 240), 1, 4),
        ((1920, 1080), 8, 24),
        ((3840, 2160), 8, 10),
        ((7680, 4320), 8, 4),
    ],
)
def test_the_larger_frames_are_the_fewer_wait(
    size_wh: tuple[int, int], batch: int, frames: int
) -> None:
    assert waiting_frames(size_wh, batch) == frames


def test_what_a_killed_run_left_is_kept(rtloc, clip: Path) -> None:
    clip.with_name(".in.rtloc.part.mp4").write_text("left")
    done = rtloc("video", clip)
    assert done.returncode == 0, done.stderr
    assert "in.rtloc-2.mp4 is what an earlier run left of in.rtloc.mp4" in done.stderr
    assert clip.with_name("in.rtloc-2.mp4").read_text() == "left"
    assert len(video_stamps(clip.with_name("in.rtloc.mp4"))) == 30


def test_a_run_that_fails_at_once_leaves_the_records_of_an_earlier_one(
    fails: Fails, clip: Path
) -> None:
    records = clip.with_name("r.jsonl")
    records.write_text("old")
    options = ("--no-video", "--start", 9999, "--records", records.name)
    assert "lies behind its end" in fails(1, "video", clip, *options)
    assert records.read_text() == "old"


def test_videos_of_the_same_name_get_outputs_of_their_own(rtloc, tmp_path: Path) -> None:
    for folder, frames in (("a", 3), ("b", 5)):
        (tmp_path / folder).mkdir()
        make_clip(tmp_path / folder / "in.mp4", frames=frames)
    rtloc("video", "a/in.mp4")
    done = rtloc("video", "b/in.mp4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "in.rtloc-2.mp4"
    assert "in.rtloc.mp4 is taken; this goes to in.rtloc-2.mp4" in done.stderr
    assert len(video_stamps(tmp_path / "in.rtloc.mp4")) == 3
    assert len(video_stamps(tmp_path / "in.rtloc-2.mp4")) == 5
    done = rtloc("video", "b/in.mp4", "-o", "in.rtloc.mp4")
    assert done.stdout.strip() == "in.rtloc.mp4"
    assert len(video_stamps(tmp_path / "in.rtloc.mp4")) == 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no open file, and needs no lock")
def test_what_another_run_is_writing_is_left_to_it(
    rtloc, fails: Fails, tmp_path: Path, long_clip: Path
) -> None:
    process = start(tmp_path, "video", long_clip, "--end", 20)
    wait_for_data(tmp_path / ".in.rtloc.part.mp4", 50_000)
    process.send_signal(signal.SIGSTOP)
    line = fails(1, "video", long_clip, "--end", 0.1, "-o", "in.rtloc.mp4")
    assert "another run is writing in.rtloc.mp4; name another file" in line
    beside = rtloc("video", long_clip, "--end", 0.1)
    assert beside.stdout.strip() == "in.rtloc-2.mp4", beside.stderr
    process.send_signal(signal.SIGCONT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert len(video_stamps(tmp_path / "in.rtloc.mp4")) > 100


def test_an_older_output_stays_until_the_new_one_is_whole(tmp_path: Path, long_clip: Path) -> None:
    out = tmp_path / "in.rtloc.mp4"
    out.write_text("old")
    process = start(tmp_path, "video", long_clip, "-o", out)
    wait_for_data(tmp_path / ".in.rtloc.part.mp4", 100_000)
    assert out.read_text() == "old"
    process.kill()
    process.communicate()
    assert out.read_text() == "old"


class TestBadInput:
    def test_missing_file(self, fails: Fails) -> None:
        assert fails(2, "video", "nope.mp4").endswith("no such file: nope.mp4")
        line = fails(2, "video", "rtsp://me:secret@10.0.0.1/x")
        assert line.endswith(
            "no such file: rtsp://10.0.0.1/x; rtloc webcam takes cameras and streams"
        )
        assert "; rtloc webcam takes" in fails(2, "video", "0")

    def test_folder(self, fails: Fails, tmp_path: Path) -> None:
        assert "is a folder" in fails(2, "video", tmp_path)

    def test_empty_file(self, fails: Fails, tmp_path: Path) -> None:
        (tmp_path / "in.mp4").touch()
        assert "in.mp4 is empty" in fails(1, "video", "in.mp4")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
    def test_pipe(self, fails: Fails, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.mp4")
        assert "pipe.mp4 is a pipe or a device" in fails(2, "video", "pipe.mp4")

    def test_text_named_mp4(self, fails: Fails, tmp_path: Path) -> None:
        (tmp_path / "in.mp4").write_text("no video at all, only words\n" * 100)
        assert "in.mp4 cannot be read as a video" in fails(1, "video", "in.mp4")

    def test_mp4_cut_off_before_its_index(self, fails: Fails, clip: Path) -> None:
        clip.write_bytes(clip.read_bytes()[:-3000])
        assert "in.mp4 cannot be read as a video" in fails(1, "video", clip)

    def test_truncated_mp4_is_done_as_far_as_it_goes(self, rtloc, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "in.mp4", frames=200, movflags="faststart", sound="aac")
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 6 // 10])
        done = rtloc("video", path)
        assert done.returncode == 0, done.stderr
        first, second = done.stderr.strip().splitlines()
        assert first.startswith("rtloc: warning: ")
        assert "cut short" in first
        written = len(video_stamps(tmp_path / "in.rtloc.mp4"))
        assert 50 < written < 190
        assert f"{written} frames" in second

    def test_only_sound(self, fails: Fails, tmp_path: Path) -> None:
        with av.open(str(tmp_path / "in.m4a"), "w") as output:
            stream = output.add_stream("aac", rate=SOUND_RATE_HZ)
            from clips import write_tone

            write_tone(output, stream, 1.0)
        assert "no video in it, only sound" in fails(1, "video", "in.m4a")

    def test_unknown_model(self, fails: Fails, clip: Path) -> None:
        line = fails(2, "video", clip, "--model", "mewtwo")
        assert "no model 'mewtwo'" in line
        assert "pokemon" in line

    def test_unknown_class(self, fails: Fails, clip: Path) -> None:
        line = fails(2, "video", clip, "--classes", "Mewtwo")
        assert "no class 'Mewtwo'" in line
        assert "Bulbasaur, Charmander, Pikachu, Squirtle" in line

    def test_unknown_backend(self, fails: Fails, clip: Path) -> None:
        assert "openvino" in fails(2, "video", clip, "--backend", "cuda")

    def test_output_folder_missing(self, fails: Fails, clip: Path) -> None:
        line = fails(2, "video", clip, "-o", "missing/out.mp4")
        assert "there is no folder missing" in line

    def test_output_folder_not_writable(self, fails: Fails, clip: Path) -> None:
        # no one, not even root, can write into /proc
        assert "cannot write /proc/out.mp4" in fails(2, "video", clip, "-o", "/proc/out.mp4")

    def test_output_is_the_input(self, fails: Fails, clip: Path) -> None:
        before = clip.read_bytes()
        assert "is the video itself" in fails(2, "video", clip, "-o", clip)
        clip.with_name("same.mp4").symlink_to(clip)
        assert "is the video itself" in fails(2, "video", clip, "-o", "same.mp4")
        assert clip.read_bytes() == before

    def test_records_are_the_input(self, fails: Fails, clip: Path) -> None:
        assert "is the video itself" in fails(2, "video", clip, "--records", clip)

    def test_output_of_another_kind(self, fails: Fails, clip: Path) -> None:
        assert "end its name in .mp4" in fails(2, "video", clip, "-o", "out.avi")
        assert ".jsonl or .csv" in fails(2, "video", clip, "--records", "r.xml")

    def test_no_display(self, fails: Fails, clip: Path) -> None:
        assert "no display" in fails(1, "video", clip, "--show", DISPLAY="")
        assert "no display answers" in fails(1, "video", clip, "--show", DISPLAY=":4711")

    def test_start_behind_the_end(self, fails: Fails, clip: Path) -> None:
        assert "--start 5 lies behind its end" in fails(1, "video", clip, "--start", 5)
        assert "--end 1 does not lie behind" in fails(2, "video", clip, "--start", 2, "--end", 1)
        assert not clip.with_name("in.rtloc.mp4").exists()

    def test_no_frame_between_start_and_end(self, fails: Fails, clip: Path) -> None:
        line = fails(1, "video", clip, "--start", 0.21, "--end", 0.22)
        assert "no frame of" in line
        assert "lies between --start 0.21 and --end 0.22" in line
        assert not clip.with_name("in.rtloc.mp4").exists()

    def test_an_output_without_a_video(self, fails: Fails, clip: Path) -> None:
        line = fails(2, "video", clip, "--no-video", "-o", "out.mp4")
        assert "-o names out.mp4; leave one of them out" in line

    @pytest.mark.parametrize("labels", ["", " ,"])
    def test_no_class(self, fails: Fails, clip: Path, labels: str) -> None:
        assert f"{labels!r} names no label" in fails(2, "video", clip, "--classes", labels)

    def test_threshold_out_of_range(self, fails: Fails, clip: Path) -> None:
        assert "0<=x<=1" in fails(2, "video", clip, "--threshold", 7)

    def test_debug_shows_the_traceback(self, rtloc) -> None:
        done = rtloc("video", "nope.mp4", "--debug")
        assert "Traceback" in done.stderr


def test_show_plays_in_a_window_and_q_ends_early(display: str, tmp_path: Path, long_clip) -> None:
    command = [sys.executable, "-m", "rtloc", "video", str(long_clip), "--show", "-o", "o.mp4"]
    environment = {**os.environ, "DISPLAY": display}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    wait_for_data(tmp_path / ".o.part.mp4", 50_000)
    press_q(environment, process)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert 0 < len(video_stamps(tmp_path / "o.mp4")) < 1500


def press_q(environment: dict[str, str], process: subprocess.Popen[str]) -> None:
    """Press q in the window that rtloc opened, until the process ends."""
    for _ in range(50):
        search = ["xdotool", "search", "--name", "rtloc"]
        found = subprocess.run(
            search, env=environment, capture_output=True, text=True, check=False
        ).stdout.split()
        for window in found:
            keys = ["xdotool", "windowfocus", window, "key", "--window", window, "q"]
            subprocess.run(keys, env=environment, capture_output=True, check=False)
        time.sleep(0.2)
        if process.poll() is not None:
            return
    raise AssertionError("q did not end the run")
