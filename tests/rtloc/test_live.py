"""A live source delivers the newest frame."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from mjpeg_server import MjpegServer, mjpeg_server, number_of
from one_live import newest, open_live
from rtsp_server import rtsp_server

from rtloc.capture import CameraMode, Source, as_bgr, difference, group_of, open_capture
from rtloc.errors import RtlocError, UsageError
from rtloc.live import LiveSource

SMALL = np.full((240, 320, 3), 90, np.uint8)
TIMEOUT_S = 10


@pytest.fixture
def stream() -> Iterator[MjpegServer]:
    """Ten seconds of 30 frames/s."""
    with mjpeg_server(SMALL) as server:
        yield server


def deliveries(live: LiveSource, count: int, pause_s: float) -> list[int]:
    """Take frames at a consumer's pace; return their numbers."""
    numbers = []
    for _ in range(count):
        frame = newest(live, TIMEOUT_S)
        assert frame is not None
        numbers.append(number_of(frame.image))
        time.sleep(pause_s)
    return numbers


def test_a_slow_consumer_always_gets_the_newest_frame(stream: MjpegServer) -> None:
    with open_live(Source(stream.url), comes_back=False) as live:
        for _ in range(10):
            frame = newest(live, TIMEOUT_S)
            # seven frames come in each pause; a queue would lag by six more each time
            behind = stream.sent - 1 - number_of(frame.image)
            assert behind <= 8
            time.sleep(0.25)


def test_the_dropped_frames_are_counted(stream: MjpegServer) -> None:
    with open_live(Source(stream.url), comes_back=False) as live:
        numbers = deliveries(live, count=5, pause_s=0.25)
    passed_over = numbers[-1] + 1 - len(numbers)
    assert passed_over > 15
    # those that came after the last delivery may be counted as well
    assert passed_over <= live.dropped <= stream.sent - len(numbers)


def test_a_fast_consumer_gets_every_frame_once(stream: MjpegServer) -> None:
    with open_live(Source(stream.url), comes_back=False) as live:
        deliveries(live, count=5, pause_s=0)
        numbers = deliveries(live, count=30, pause_s=0)
    assert numbers == sorted(set(numbers))
    # the machine may be busy elsewhere now and then
    assert numbers[-1] - numbers[0] <= 40


def test_index_and_time_are_the_streams_own(stream: MjpegServer) -> None:
    with open_live(Source(stream.url), comes_back=False) as live:
        deliveries(live, count=3, pause_s=0)
        first = newest(live, TIMEOUT_S)
        time.sleep(1.0)
        newest(live, TIMEOUT_S)
        last = newest(live, TIMEOUT_S)
    assert first is not None
    assert last is not None
    assert last.index - first.index == number_of(last.image) - number_of(first.image)
    assert last.time_s - first.time_s == pytest.approx((last.index - first.index) / 30, abs=0.3)


def test_waiting_for_a_frame_ends_after_the_given_time() -> None:
    with (
        mjpeg_server(SMALL, rate=100, frames=40, falls_silent=True) as stream,
        open_live(Source(stream.url), comes_back=False) as live,
    ):
        while newest(live, 0.4) is not None:
            pass
        started = time.perf_counter()
        assert newest(live, 0.2) is None
        assert 0.15 < time.perf_counter() - started < 2
        assert not live.ended


def test_a_stream_that_ends_delivers_its_last_frame_and_says_so() -> None:
    with (
        mjpeg_server(SMALL, rate=100, frames=40) as stream,
        open_live(Source(stream.url), comes_back=False) as live,
    ):
        numbers = []
        while (frame := newest(live, TIMEOUT_S)) is not None:
            numbers.append(number_of(frame.image))
        assert live.ended
        assert stream.sent == 40
        assert numbers[-1] == 39
        assert live.trouble == f"{stream.url} has ended"
        assert newest(live, TIMEOUT_S) is None


def test_closing_ends_the_thread(stream: MjpegServer) -> None:
    before = set(threading.enumerate())
    with open_live(Source(stream.url), comes_back=False) as live:
        newest(live, TIMEOUT_S)
    started_here = set(threading.enumerate()) - before
    assert all("process_request" in thread.name for thread in started_here)
    assert live.ended


def test_a_stream_that_nobody_serves_is_an_error() -> None:
    with mjpeg_server(SMALL) as stream:
        gone = stream.url
    with (
        pytest.raises(RtlocError, match=rf"the stream {gone} cannot be opened"),
        open_live(Source(gone)),
    ):
        pass


def test_passwords_are_never_shown() -> None:
    source = Source("http://me:secret@127.0.0.1:9/stream")
    assert source.title == "http://127.0.0.1:9/stream"
    with pytest.raises(RtlocError) as error, open_live(source):
        pass
    assert "secret" not in str(error.value)
    pipeline = Source("rtspsrc location=rtsp://me:secret@host/x ! none", api="gstreamer")
    with pytest.raises(RtlocError, match="rtsp://host/x") as error, open_live(pipeline):
        pass
    assert "secret" not in str(error.value)


def test_a_page_that_is_no_stream_is_an_error() -> None:
    with (
        mjpeg_server(SMALL, frames=0) as page,
        pytest.raises(RtlocError, match="cannot be opened"),
        open_live(Source(page.url)),
    ):
        pass


def test_an_absent_camera_is_an_error_that_says_how_to_mend_it() -> None:
    with (
        pytest.raises(RtlocError, match="camera 99 cannot be opened; `rtloc cameras` lists"),
        open_live(Source("99")),
    ):
        pass


@pytest.mark.parametrize("source", ["no such thing", "/tmp", "99999999999", ""])
def test_what_is_no_source_at_all_is_an_error(source: str) -> None:
    with (
        pytest.raises(RtlocError, match=f"no camera or stream '{source}'"),
        open_live(Source(source)),
    ):
        pass


def test_a_file_is_sent_to_the_command_for_files(tmp_path) -> None:
    path = tmp_path / "in.mp4"
    path.touch()
    with pytest.raises(UsageError, match=f"rtloc video {path}"), open_live(Source(str(path))):
        pass


def test_a_device_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(RtlocError, match="/dev/video99 cannot be opened; `rtloc cameras` lists"),
        open_live(Source("/dev/video99")),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no groups of files")
def test_a_group_without_a_name_is_told_by_its_number(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    assert group_of(device) == device.group()
    try:
        os.chown(device, -1, 54321)
    except PermissionError:
        pytest.skip("only root may give a file any group")
    assert group_of(device) == "54321"


class Breaking:
    """A capture that fails in a way that nobody thought of."""

    def get(self, what: int) -> float:
        return 0.0

    def read(self) -> tuple[bool, np.ndarray]:
        raise KeyError("unheard of")


def test_what_fails_while_reading_is_raised_where_frames_are_taken() -> None:
    with closing(LiveSource(Source("0"), Breaking(), comes_back=True)) as live:
        with pytest.raises(KeyError, match="unheard of"):
            newest(live, TIMEOUT_S)
        assert live.ended


def numbers_until(live: LiveSource, losses: int) -> list[int]:
    """Take frames until the source has been lost so often, and some more have come."""
    numbers: list[int] = []
    after = 0
    ends = time.monotonic() + 30
    while after < 5 and time.monotonic() < ends:
        frame = newest(live, 1)
        if frame is not None:
            numbers.append(number_of(frame.image))
            after += live.losses >= losses
    return numbers


def test_a_stream_that_is_cut_comes_back() -> None:
    with mjpeg_server(SMALL, rate=60, frames=40) as stream, open_live(Source(stream.url)) as live:
        numbers = numbers_until(live, losses=2)
        assert live.losses >= 2
        assert not live.ended
    # each connection counts from 0 again
    assert sum(later < earlier for earlier, later in pairwise(numbers)) >= 2


def test_indices_and_times_go_on_when_a_stream_comes_back() -> None:
    with mjpeg_server(SMALL, rate=60, frames=40) as stream, open_live(Source(stream.url)) as live:
        frames = []
        while live.losses < 1 or len(frames) < 5:
            frame = newest(live, TIMEOUT_S)
            frames += [frame] if frame else []
        frames.append(newest(live, TIMEOUT_S))
    assert all(a.index < b.index and a.time_s < b.time_s for a, b in pairwise(frames))


def test_a_stream_that_falls_silent_is_lost_and_said_so() -> None:
    with (
        mjpeg_server(SMALL, rate=60, frames=40, falls_silent=True) as stream,
        open_live(Source(stream.url, silent_s=1.0)) as live,
    ):
        ends = time.monotonic() + TIMEOUT_S
        while live.trouble is None and time.monotonic() < ends:
            newest(live, 0.1)
        assert live.trouble is not None
        assert f"{stream.url} is lost" in live.trouble
        assert numbers_until(live, losses=1)


def test_a_loss_and_its_end_are_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with mjpeg_server(SMALL, rate=60, frames=40) as stream, open_live(Source(stream.url)) as live:
        newest(live, TIMEOUT_S)
        stream.gone = True
        ends = time.monotonic() + TIMEOUT_S
        while "in 2 s" not in (live.trouble or "") and time.monotonic() < ends:
            newest(live, 0.02)
        lost = [record.getMessage() for record in caplog.records]
        stream.gone, stream.frames = False, 10_000
        while live.trouble and time.monotonic() < ends:
            newest(live, 0.02)
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert len(lost) == 1
    assert said == [
        ("WARNING", f"{stream.url} is lost; it is opened again until it is back"),
        ("INFO", f"{stream.url} is back"),
    ]


def test_a_source_that_was_not_there_at_first_comes() -> None:
    with mjpeg_server(SMALL, rate=60, frames=1000) as stream:
        source = Source(stream.url)
        with closing(LiveSource(source, None, comes_back=True)) as live:
            assert live.trouble
            frame = newest(live, TIMEOUT_S)
            assert frame is not None
            assert (frame.index, live.trouble) == (0, None)


def test_pauses_grow_while_a_source_stays_away_and_closing_ends_them() -> None:
    with mjpeg_server(SMALL, rate=60, frames=40) as stream, open_live(Source(stream.url)) as live:
        stream.gone = True
        said: list[str] = []
        ends = time.monotonic() + TIMEOUT_S
        while len(said) < 3 and time.monotonic() < ends:
            newest(live, 0.02)
            if live.trouble and "trying" in live.trouble and live.trouble not in said:
                said.append(live.trouble)
        assert [text.rpartition("in ")[2] for text in said] == ["0.5 s", "1 s", "2 s"]
        started = time.monotonic()
    assert time.monotonic() - started < 1.5


def test_broken_pictures_in_between_do_no_harm() -> None:
    with (
        mjpeg_server(SMALL, rate=60, frames=200, broken_every=5) as stream,
        open_live(Source(stream.url)) as live,
    ):
        numbers = deliveries(live, count=40, pause_s=0)
    assert len(set(numbers)) > 20


def test_pictures_may_change_their_size() -> None:
    with (
        mjpeg_server(SMALL, rate=60, frames=300, larger_from=40) as stream,
        open_live(Source(stream.url)) as live,
    ):
        ends = time.monotonic() + TIMEOUT_S
        while stream.sent < 60 and time.monotonic() < ends:
            newest(live, 1)
        frames = [newest(live, TIMEOUT_S) for _ in range(5)]
    assert live.losses == 0
    for frame in frames:
        assert frame is not None
        assert frame.image[:200].std() < 5  # FFmpeg scales it to the size that was first
        assert frame.image[:200].mean() == pytest.approx(90, abs=3)


def test_an_rtsp_camera_delivers_and_comes_back_when_its_server_does() -> None:
    with rtsp_server() as url:
        if url is None:
            pytest.skip("GStreamer's RTSP server is not installed (see tests/support)")
        source = Source(url, silent_s=2.0)
        live = LiveSource(source, open_capture(source), comes_back=True)
        frames = [newest(live, TIMEOUT_S) for _ in range(20)]
    assert all(frame is not None and frame.image.shape == (240, 320, 3) for frame in frames)
    assert all(frame.image.max() > 200 for frame in frames if frame)  # the ball
    assert "OPENCV_FFMPEG_CAPTURE_OPTIONS" not in os.environ  # files are opened without them
    port = urlsplit(url).port
    assert port is not None
    with closing(live), rtsp_server(port):
        ends = time.monotonic() + 3 * TIMEOUT_S
        before = live.received
        while (live.losses < 1 or live.received < before + 20) and time.monotonic() < ends:
            newest(live, 1)
        assert live.losses >= 1
        assert live.received >= before + 20


def test_a_mirror_swaps_left_and_right() -> None:
    image = SMALL.copy()
    image[:, :160] = 220
    with mjpeg_server(image) as stream, open_live(Source(stream.url, mirrored=True)) as live:
        frame = newest(live, TIMEOUT_S)
    assert frame is not None
    assert frame.image[100, 250].mean() > 200
    assert frame.image[100, 50].mean() < 120


@pytest.mark.parametrize(
    ("real", "said"),
    [
        (CameraMode((640, 480), 30.0, "YUYV"), "640×480 px, not 1280×720; YUYV, not MJPG"),
        (CameraMode((1280, 720), 15.0, "MJPG"), "15 frames a second, not 30"),
        (CameraMode((1280, 720), 30.0, "MJPG"), None),
        (CameraMode(), None),
    ],
)
def test_what_a_camera_gives_instead_is_said(real: CameraMode, said: str | None) -> None:
    assert difference(CameraMode((1280, 720), 30.0, "MJPG"), real) == said


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1)])
def test_a_grey_camera_gets_three_channels(shape: tuple[int, ...]) -> None:
    image = np.arange(24, dtype=np.uint8).reshape(shape)
    assert np.array_equal(as_bgr(image), cv2.merge([image.reshape(4, 6)] * 3))
