"""Reading video files: exact times, exact seeking, damage."""

import gc
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import make_clip, picture, video_stamps

from rtloc.errors import RtlocError
from rtloc.video_file import open_video


def read(path: Path, start_s: float = 0.0, end_s: float | None = None) -> list:
    with open_video(path) as video:
        return list(video.frames(start_s, end_s))


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_times_are_those_of_the_file(tmp_path: Path, rate: Fraction) -> None:
    path = make_clip(tmp_path / "in.mp4", rate=rate)
    frames = read(path)
    assert [f.index for f in frames] == list(range(60))
    assert [f.time_s for f in frames] == [float(n / rate) for n in range(60)]


def test_a_variable_frame_rate_stays_variable(tmp_path: Path) -> None:
    stamps = [0, 40, 50, 200, 201, 500, 900]
    tick = Fraction(1, 1000)
    path = make_clip(tmp_path / "in.mkv", frames=7, stamps=stamps, time_base=tick)
    assert [round(f.time_s * 1000) for f in read(path)] == stamps


def test_pictures_look_as_they_were_written(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=10)
    for frame in read(path):
        apart = np.abs(frame.image.astype(int) - picture(frame.index, 320, 240))
        assert apart.mean() < 6


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda image: image),
        ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
        ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
        ((1, 0, 0, -1), lambda image: image[::-1]),
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
        ((0, -1, 1, 0), np.rot90),
        ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
        ((0, -1, -1, 0), lambda image: np.rot90(image.swapaxes(0, 1), 2)),
    ],
)
def test_pictures_are_turned_and_mirrored_as_the_file_says(
    tmp_path: Path, matrix: tuple[int, ...], shown: Callable[[np.ndarray], np.ndarray]
) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    image[:120, :160], image[120:, :160], image[:120, 160:] = 80, 160, 240
    path = make_clip(tmp_path / "in.mp4", frames=2, image=image)
    before, head, after = path.read_bytes().partition(b"tkhd")
    a, b, c, d = (n << 16 for n in matrix)
    straight = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(before + head + after.replace(straight, turned, 1))
    for frame in read(path):
        assert np.abs(frame.image.astype(int) - shown(image)).mean() < 6


def test_pictures_that_were_read_are_not_kept(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4")
    gc.collect()
    gc.disable()  # it comes too late for large pictures
    try:
        with open_video(path) as video:
            for _ in video.frames():
                pass
        kept = sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())
    finally:
        gc.enable()
    assert kept <= 2


@pytest.mark.parametrize(("start", "end"), [(0.5, 1.0), (0.01, None), (1.2, 1.25), (0, 0.3)])
@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.avi", "in.ts"])
def test_a_part_is_the_same_frames_as_in_the_whole(
    tmp_path: Path, name: str, start: float, end: float | None
) -> None:
    path = make_clip(tmp_path / name, rate=Fraction(25))
    whole = read(path)
    assert len(whole) == 60
    wanted = [f for f in whole if f.time_s >= start and (end is None or f.time_s < end)]
    part = read(path, start, end)
    assert [(f.index, f.time_s) for f in part] == [(f.index, f.time_s) for f in wanted]
    for a, b in zip(part, wanted, strict=True):
        assert np.array_equal(a.image, b.image)


def copy_later(clip: Path, target: Path, by_s: Fraction) -> None:
    """Copy a film's packets so many seconds later, before 0 as well."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None:
                shift = round(by_s / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                output.mux(packet)


def test_a_matroska_that_begins_late_is_not_cut_short(tmp_path: Path) -> None:
    clip, late = make_clip(tmp_path / "in.mp4"), tmp_path / "late.mkv"
    copy_later(clip, late, Fraction(10))
    with open_video(late) as video:
        assert len(list(video.frames())) == 60
        assert video.loss() is None
        assert video.duration_s == pytest.approx(60 * 1001 / 30000, abs=0.05)


@pytest.mark.parametrize("start_s", [0.1, 1.0, 1.9, 2.5])
def test_a_part_of_a_trimmed_film_is_that_part(tmp_path: Path, start_s: float) -> None:
    clip, trimmed = make_clip(tmp_path / "in.mp4", frames=120, gop=30), tmp_path / "trimmed.mp4"
    copy_later(clip, trimmed, Fraction(-3, 4))  # what comes before 0 is cut off
    whole = read(trimmed)
    assert len(whole) < 120
    assert whole[0].time_s == 0
    wanted = [f for f in whole if f.time_s >= start_s]
    part = read(trimmed, start_s)
    assert [(f.index, f.time_s) for f in part] == [(f.index, f.time_s) for f in wanted]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(part, wanted, strict=True))


def test_odd_sides_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.gif"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 65, 33, "rgb8"
        for n in range(3):
            one = av.VideoFrame.from_ndarray(picture(n, 65, 33), format="bgr24")
            output.mux(stream.encode(one))
        output.mux(stream.encode(None))
    assert {f.image.shape for f in read(path)} == {(33, 65, 3)}


def test_a_damaged_middle_costs_only_its_own_frames(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=120, gop=10, movflags="faststart")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    with open_video(path) as video:
        frames = list(video.frames())
        assert 60 < len(frames) <= 120
        assert frames[-1].time_s == pytest.approx(119 * 1001 / 30000)


def test_any_error_of_a_decoder_costs_only_its_own_frames(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.flv", codec="flv1")
    with av.open(str(path)) as container:
        packet = bytes([*container.demux(video=0)][30])
    data = bytearray(path.read_bytes())
    head = data.index(packet)
    data[head + 3] |= 0b11  # a size that there is not: FFmpeg says "invalid argument"
    data[head + 4] |= 0b10000000
    path.write_bytes(data)
    with open_video(path) as video:
        assert len(list(video.frames())) == 59
        assert "1 damaged packets were left out" in str(video.loss())


def test_pictures_that_no_decoder_knows_are_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1\0\0\0\0", b"zzzz\0\0\0\0"))
    with pytest.raises(RtlocError, match=r"in.mp4 are of a kind that cannot be decoded"):
        read(path)


def test_tags_need_not_be_utf_8(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.avi", title="Cafe")
    path.write_bytes(path.read_bytes().replace(b"Cafe", b"Caf\xe9"))
    assert len(read(path)) == 60


def test_a_name_may_have_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_clip(tmp_path / "in.mp4").rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(read(Path("12:30.mp4"))) == 60


def test_a_file_that_cannot_be_searched_says_so(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.h264")
    with pytest.raises(RtlocError, match=r"in.h264 can only be read from its beginning on"):
        read(path, 1.0)


def test_a_truncated_file_is_read_as_far_as_it_goes_and_says_so(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=200, movflags="faststart")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with open_video(path) as video:
        frames = list(video.frames())
        assert 50 < len(frames) < 190
        loss = video.loss()
    assert loss is not None
    assert "cut short" in loss
    assert "of 6.67 s" in loss


@pytest.mark.parametrize("name", ["in.mp4", "in.mkv", "in.avi", "in.ts"])
@pytest.mark.parametrize("sound_seconds", [None, 6.0])
def test_a_whole_file_reports_no_loss(
    tmp_path: Path, name: str, sound_seconds: float | None
) -> None:
    path = make_clip(tmp_path / name, sound="aac", sound_seconds=sound_seconds)
    with open_video(path) as video:
        assert len(list(video.frames())) == 60
        assert video.loss() is None


@pytest.mark.parametrize("preset", ["ultrafast", "superfast"])  # decoded last or not, it is long
def test_a_long_last_picture_is_no_loss(tmp_path: Path, preset: str) -> None:
    path = make_clip(tmp_path / "in.mp4", frames=10, rate=Fraction(10), last_s=3, preset=preset)
    with open_video(path) as video:
        frames = list(video.frames())
        assert len(frames) == 10
        assert frames[3].duration_s == pytest.approx(0.1)
        assert frames[-1].duration_s == pytest.approx(video.duration_s - 0.9)
        assert video.duration_s > 3.5
        assert video.loss() is None


def test_a_part_of_a_file_reports_no_loss(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4")
    with open_video(path) as video:
        assert list(video.frames(0.5, 1.0))
        assert video.loss() is None


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads_decodes_the_same_frames(tmp_path: Path, threads: int) -> None:
    path = make_clip(tmp_path / "in.mp4")
    with open_video(path, threads) as video:
        few = list(video.frames())
        assert video.stream.codec_context.thread_count == threads
    for one, other in zip(few, read(path), strict=True):
        assert (one.index, one.time_s) == (other.index, other.time_s)
        assert np.array_equal(one.pixels, other.pixels)


def test_frames_are_counted_ahead(tmp_path: Path) -> None:
    with open_video(make_clip(tmp_path / "in.mp4")) as video:
        assert video.expected_frames(0, None) == 60
        assert video.expected_frames(1.0, None) == 30
        assert video.expected_frames(0.5, 1.5) == 30


def test_only_garbage_is_an_error(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4", movflags="faststart")
    data = path.read_bytes()
    head = data.index(b"mdat") + 4
    path.write_bytes(data[:head] + bytes(len(data) - head))
    with pytest.raises(RtlocError, match="no frame"):
        read(path)


def test_stamps_helper_agrees(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.mp4")
    assert [float(s) for s in video_stamps(path)] == [f.time_s for f in read(path)]


def test_a_file_without_any_times_runs_at_its_own_rate(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.h264")
    frames = read(path)
    assert [f.index for f in frames] == list(range(60))
    steps = np.diff([f.time_s for f in frames])
    assert steps.min() == pytest.approx(steps.max(), abs=1e-3)
    assert steps.min() > 0


def test_times_that_jump_back_go_on_rising(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "in.ts", rate=Fraction(25))
    path.write_bytes(2 * path.read_bytes())
    times = [f.time_s for f in read(path)]
    assert len(times) > 110
    assert times == sorted(set(times))
    assert times[-1] == pytest.approx(len(times) / 25, abs=0.2)
