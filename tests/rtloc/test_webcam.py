"""`rtloc webcam` on a real live stream, in a real window."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from full_disk import full_disk
from mjpeg_server import MjpegServer, mjpeg_server, number_of
from screen import Screen

from rtloc.overlay import COLOURS

START_S = 30
KEYS_S = 90  # some get lost, more of them on a busy machine
PAINTED_S = 4  # by then a window that is on the screen has been painted


@pytest.fixture
def stream(scene: np.ndarray) -> Iterator[MjpegServer]:
    """Twenty seconds of the scene at 30 frames/s."""
    with mjpeg_server(scene, rate=30, frames=600) as server:
        yield server


def start(screen: Screen, folder: Path, url: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rtloc", "webcam", url, *options],
        cwd=folder,
        env=screen.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_picture(screen: Screen, process: subprocess.Popen[str]) -> np.ndarray:
    """Wait until the window shows a frame; return it."""
    ends = time.monotonic() + START_S
    first_seen = None
    while time.monotonic() < ends and process.poll() is None:
        image = screen.window_picture()
        if image is not None and image.size:
            if image[image.shape[0] // 2].std() > 20:
                return image
            first_seen = first_seen or time.monotonic()
            if time.monotonic() > first_seen + PAINTED_S:
                screen.show_again()
                first_seen = None
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"no frame was shown: {process.communicate(timeout=5)}")


def shows_starters(image: np.ndarray) -> bool:
    """Whether each of the three places has a box in the colour of its class."""
    places = (slice(60, 420), slice(480, 840), slice(900, 1260))
    colours = (COLOURS[0], COLOURS[1], COLOURS[3])
    return all(
        (np.abs(image[:, place].astype(int) - colour).max(axis=2) <= 2).sum() > 1000
        for place, colour in zip(places, colours, strict=True)
    )


def test_the_window_shows_the_starters_in_their_boxes(
    screen: Screen, stream: MjpegServer, tmp_path: Path
) -> None:
    process = start(screen, tmp_path, stream.url)
    image = wait_for_picture(screen, process)
    ends = time.monotonic() + START_S
    while not shows_starters(image) and time.monotonic() < ends:  # it may be half drawn
        time.sleep(0.2)
        image = wait_for_picture(screen, process)
    assert shows_starters(image)
    screen.press_until_the_end("q", process)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "FPS end to end" in errors
    assert "older frames dropped" in errors


def test_the_frame_that_is_shown_is_a_new_one(
    screen: Screen, scene: np.ndarray, tmp_path: Path
) -> None:
    small = cv2.resize(scene, (640, 360)).astype(np.uint8)
    with mjpeg_server(small, rate=30, frames=900) as stream:
        process = start(screen, tmp_path, stream.url)
        wait_for_picture(screen, process)
        behind = []
        for _ in range(15):
            time.sleep(0.4)
            image = screen.window_picture()
            assert image is not None
            behind.append(stream.sent - 1 - number_of(image))
        screen.press_until_the_end("Escape", process)
        process.communicate(timeout=20)
    assert process.returncode == 0
    # in these six seconds come 180 frames: a backlog would grow; a busy machine is but slow
    assert np.median(behind) <= 20
    assert np.median(behind[-5:]) <= np.median(behind[:5]) + 10


def test_a_stream_that_ends_is_said_in_one_line(
    screen: Screen, scene: np.ndarray, tmp_path: Path
) -> None:
    with mjpeg_server(scene, rate=30, frames=60) as stream:
        process = start(screen, tmp_path, stream.url, "--no-reconnect")
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in errors
    lines = [line for line in errors.splitlines() if line.startswith("rtloc: error: ")]
    assert lines == [f"rtloc: error: the stream {stream.url} has ended"]


def test_keys_take_a_snapshot_and_record(
    screen: Screen, stream: MjpegServer, tmp_path: Path
) -> None:
    process = start(screen, tmp_path, stream.url)
    wait_for_picture(screen, process)
    for key, pattern in (("s", "rtloc-*.png"), ("r", ".rtloc-*.mp4")):
        ends = time.monotonic() + KEYS_S
        while not list(tmp_path.glob(pattern)) and time.monotonic() < ends:
            screen.press(key)
            time.sleep(0.5)
    time.sleep(1)
    taken = len(list(tmp_path.glob("rtloc-*.png")))
    for _ in range(10):  # each counts, also while the next frame is waited for
        screen.press("s")
        time.sleep(0.4)
    assert len(list(tmp_path.glob("rtloc-*.png"))) >= taken + 5
    screen.press_until_the_end("q", process)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    snapshots, recordings = list(tmp_path.glob("*.png")), list(tmp_path.glob("rtloc-*.mp4"))
    assert shows_starters(cv2.imread(str(snapshots[0])))
    assert str(snapshots[0].name) in errors
    with av.open(str(recordings[0])) as recorded:
        assert sum(1 for _ in recorded.decode(video=0)) > 10


class TestWithoutWindow:
    """On a machine with no screen."""

    def run(self, folder: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rtloc", "webcam", url, "--no-window", *options],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name != "DISPLAY"},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def test_what_is_found_is_recorded_and_told(self, stream: MjpegServer, tmp_path: Path) -> None:
        told = f"{sys.executable} -c \"import os; print(os.environ['RTLOC_LABEL'])\""
        options = ["--record", "a.mp4", "--records", "a.jsonl", "--on-detect", told]
        done = self.run(tmp_path, stream.url, *options, "--duration", "4")
        assert done.returncode == 0, done.stderr
        assert sorted(done.stdout.split()) == ["Bulbasaur", "Charmander", "Squirtle"]
        lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        with av.open(str(tmp_path / "a.mp4")) as recorded:
            times = [float(frame.time) for frame in recorded.decode(video=0)]
        assert len(times) == pytest.approx(len(lines), abs=2)
        assert times[-1] == pytest.approx(lines[-1]["time_s"] - lines[0]["time_s"], abs=0.2)
        labels = {one["label"] for one in lines[-1]["detections"]}
        assert labels == {"Bulbasaur", "Charmander", "Squirtle"}
        assert "from coming to being shown" in done.stderr

    def test_what_an_earlier_run_wrote_is_not_written_over(
        self, stream: MjpegServer, tmp_path: Path
    ) -> None:
        options = ["--record", "a.mp4", "--records", "a.jsonl", "--duration", "2"]
        assert self.run(tmp_path, stream.url, *options).returncode == 0
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        done = self.run(tmp_path, stream.url, *options)
        assert done.returncode == 0, done.stderr
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"a.mp4", "a-2.mp4", "a.jsonl", "a-2.jsonl"}
        assert all((tmp_path / name).read_bytes() == data for name, data in before.items())
        for new in ("a-2.mp4", "a-2.jsonl"):
            assert f"is taken; this goes to {new}" in done.stderr

    def test_a_stream_that_is_cut_is_seen_again(self, scene: np.ndarray, tmp_path: Path) -> None:
        with mjpeg_server(scene, rate=30, frames=60) as stream:
            done = self.run(tmp_path, stream.url, "--duration", "8")
        assert done.returncode == 0, done.stderr
        assert f"rtloc: warning: {stream.url} is lost; it is opened again" in done.stderr
        assert f"rtloc: {stream.url} is back" in done.stderr

    def test_a_full_disk_under_stderr_does_not_end_it(
        self, stream: MjpegServer, tmp_path: Path
    ) -> None:
        options = ["webcam", stream.url, "--no-window", "--duration", "2"]
        with (tmp_path / "log").open("w") as log, full_disk(10):
            done = subprocess.run(
                [sys.executable, "-m", "rtloc", *options],
                stderr=log,
                timeout=90,
                check=False,
            )
        assert done.returncode == 0
        assert (tmp_path / "log").stat().st_size == 10

    def test_several_sources_are_located_side_by_side(
        self, scene: np.ndarray, stream: MjpegServer, tmp_path: Path
    ) -> None:
        small = np.ascontiguousarray(scene[:, ::-1])
        with mjpeg_server(small, rate=15, frames=900) as other:
            options = ["--record", "a.mp4", "--records", "a.jsonl", "--duration", "5"]
            done = self.run(tmp_path, stream.url, other.url, *options)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        for url in (stream.url, other.url):
            mine = [line for line in lines if line["source"] == url]
            assert len(mine) > 20
            assert [line["index"] for line in mine] == sorted(line["index"] for line in mine)
            assert {one["label"] for one in mine[-1]["detections"]} == {
                "Bulbasaur",
                "Charmander",
                "Squirtle",
            }
            assert f"{url}: " in done.stderr
        with av.open(str(tmp_path / "a.mp4")) as recorded:
            frames = [frame.to_ndarray(format="bgr24") for frame in recorded.decode(video=0)]
        assert len(frames) > 40
        for half in (frames[-1][:, :640], frames[-1][:, 640:]):
            for colour in (COLOURS[0], COLOURS[1], COLOURS[3]):
                assert (np.abs(half.astype(int) - colour).max(axis=2) < 40).sum() > 200

    def test_of_several_sources_one_may_come_later(
        self, scene: np.ndarray, stream: MjpegServer, tmp_path: Path
    ) -> None:
        with mjpeg_server(scene, rate=15, frames=900) as late:
            late.gone = True

            def come() -> None:
                while stream.sent < 60:
                    time.sleep(0.1)
                late.gone = False

            with ThreadPoolExecutor() as aside:
                coming = aside.submit(come)
                options = ["--records", "a.jsonl", "--duration", "12"]
                done = self.run(tmp_path, late.url, stream.url, *options)
                stream.sent = 60
                coming.result()
        assert done.returncode == 0, done.stderr
        assert f"the stream {late.url} cannot be opened" in done.stderr
        assert "it is tried again until it is there" in done.stderr
        assert f"{late.url} is back" in done.stderr
        lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
        assert {line["source"] for line in lines} == {late.url, stream.url}

    def test_of_several_sources_none_is_an_error(self, tmp_path: Path) -> None:
        gone = "http://127.0.0.1:9/stream.mjpg"
        done = self.run(tmp_path, gone, "99")
        assert done.returncode == 1
        assert done.stderr.startswith(f"rtloc: error: the stream {gone} cannot be opened")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
    @pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_and_keeps_what_there_is(
        self, stream: MjpegServer, tmp_path: Path, kind: signal.Signals
    ) -> None:
        options = ["webcam", stream.url, "--no-window", "--record", "a.mp4"]
        process = subprocess.Popen(
            [sys.executable, "-m", "rtloc", *options],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        ends = time.monotonic() + START_S
        partial = tmp_path / ".a.part.mp4"
        while time.monotonic() < ends and not (partial.exists() and partial.stat().st_size):
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(kind)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert "FPS end to end" in errors
        with av.open(str(tmp_path / "a.mp4")) as recorded:
            assert sum(1 for _ in recorded.decode(video=0)) > 10


Fails = Callable[..., str]


class TestBadInput:
    def test_an_absent_camera(self, fails: Fails, screen: Screen) -> None:
        line = fails(1, "webcam", "99", DISPLAY=screen.display)
        assert "camera 99 cannot be opened; `rtloc cameras` lists" in line

    def test_no_display(self, fails: Fails) -> None:
        assert "use --serve or --no-window, or use SSH -X" in fails(1, "webcam", "99", DISPLAY="")
        assert "no display answers" in fails(1, "webcam", "99", DISPLAY=":4711")

    def test_a_stream_that_nobody_serves(self, fails: Fails, screen: Screen) -> None:
        line = fails(1, "webcam", "http://127.0.0.1:9/stream.mjpg", DISPLAY=screen.display)
        assert "cannot be opened" in line

    def test_an_unknown_class(self, fails: Fails, screen: Screen) -> None:
        line = fails(2, "webcam", "99", "--classes", "Mewtwo", DISPLAY=screen.display)
        assert "no class 'Mewtwo'" in line

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--size", "big"], "'big' is no size such as 1280x720"),
            (["--record", "a.avi"], "end its name in .mp4"),
            (["--record", "gone/a.mp4"], "there is no folder gone"),
            (["--webhook", "ftp://example.org"], "begins with http:// or https://"),
            (["--webhook", "http://[::1/x"], "begins with http:// or https://"),
            (["--webhook", "http://host/a b"], "write them as %20"),
            (["--webhook", "http://host/ü"], "write them as %20"),
            (["--webhook", "http://me:secret@host/"], "sends no user and password"),
            (["--trails", "--no-track"], "leave out --no-track"),
            (["--records", "a.txt"], "end its name in .jsonl or .csv"),
        ],
    )
    def test_options_that_make_no_sense(
        self, fails: Fails, stream: MjpegServer, options: list[str], said: str
    ) -> None:
        assert said in fails(2, "webcam", stream.url, "--no-window", *options)

    def test_a_file(self, fails: Fails, screen: Screen, tmp_path: Path) -> None:
        (tmp_path / "in.mp4").touch()
        assert "rtloc video in.mp4" in fails(2, "webcam", "in.mp4", DISPLAY=screen.display)
