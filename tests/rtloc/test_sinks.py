"""Recordings, snapshots, records and events of a live run."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from full_disk import full_disk

from rtloc.controls import Controls, open_controls
from rtloc.detections import Detections
from rtloc.errors import RtlocError
from rtloc.event_sink import EventSink, command_teller, webhook_teller
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats
from rtloc.localizer import Localizer
from rtloc.page_sink import PageSink
from rtloc.recording_sink import WAITING_FRAMES, Recording, RecordingSink
from rtloc.snapshot_sink import SnapshotSink

LABELS = ("Bulbasaur", "Charmander", "Pikachu", "Squirtle")
STATS = LiveStats(LABELS)


def frame(n: int, time_s: float, wh: tuple[int, int] = (320, 240)) -> Frame:
    return Frame(np.full((wh[1], wh[0], 3), 10 * (n % 25), np.uint8), n, time_s)


def found(*class_ids: int) -> Detections:
    n = len(class_ids)
    return Detections(
        np.full((n, 4), [10, 20, 60, 80], np.float32),
        np.full(n, 0.9, np.float32),
        np.array(class_ids, np.int64),
    )


@pytest.fixture
def controls(localizer: Localizer) -> Controls:
    return open_controls(localizer, track=False, smooth=True)


def noise(n: int) -> Frame:
    """A frame that takes much room."""
    pixels = np.random.default_rng(n).integers(0, 255, (240, 320, 3), np.uint8)
    return Frame(pixels, n, n / 30)


def close_in_time(recording: Recording) -> None:
    thread = threading.Thread(target=recording.close, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "closing hangs"


def played(path: Path) -> list[tuple[float, int, tuple[int, int]]]:
    """Time, grey value and size of each frame of a video."""
    with av.open(str(path)) as container:
        return [
            (float(one.time), int(one.to_ndarray(format="gray").mean()), (one.width, one.height))
            for one in container.decode(video=0)
        ]


class TestRecording:
    def test_each_frame_has_the_time_at_which_it_came(self, tmp_path: Path) -> None:
        times = [5.0, 5.033, 5.2, 5.21, 6.5]
        recording = Recording(tmp_path / "a.mp4")
        for n, time_s in enumerate(times):
            recording.write(frame(n, time_s))
        recording.close()
        frames = played(tmp_path / "a.mp4")
        assert [t for t, _, _ in frames] == pytest.approx([t - 5 for t in times], abs=2e-4)
        assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]

    def test_the_size_of_the_first_frame_stays(self, tmp_path: Path) -> None:
        recording = Recording(tmp_path / "a.mp4")
        for n, wh in enumerate([(320, 240), (640, 480), (161, 121)]):
            recording.write(frame(n, n / 30, wh))
        recording.close()
        assert [wh for _, _, wh in played(tmp_path / "a.mp4")] == [(320, 240)] * 3

    def test_it_is_switched_on_and_off(self, controls: Controls, tmp_path: Path) -> None:
        names = [tmp_path / "b.mp4", tmp_path / "a.mp4"]
        sink = RecordingSink(controls, names.pop)
        for n in range(60):
            controls.recording = 10 <= n < 20 or n >= 40
            sink.write(frame(n, n / 30), found(), STATS)
        sink.close()
        assert len(played(tmp_path / "a.mp4")) == 10
        assert len(played(tmp_path / "b.mp4")) == 20

    def test_a_place_that_cannot_be_written_ends_the_recording_alone(
        self, controls: Controls, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sink = RecordingSink(controls, lambda: tmp_path / "gone" / "a.mp4")
        controls.recording = True
        ends = time.monotonic() + 10
        n = 0
        while controls.recording and time.monotonic() < ends:
            sink.write(frame(n, n / 30), found(), STATS)
            n += 1
            time.sleep(0.01)
        sink.close()
        assert not controls.recording
        assert "a.mp4: No such file or directory; recording has ended" in caplog.text

    def test_a_disk_that_is_full_at_the_end_is_said(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        recording = Recording(tmp_path / "a.mp4")
        with full_disk(20_000):
            for n in range(10):  # the encoder writes none of them yet
                recording.write(noise(n))
            close_in_time(recording)
        assert "a.mp4: File too large; recording has ended" in caplog.text
        assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]

    @pytest.mark.parametrize("frames", [8, 80])
    def test_a_picture_that_cannot_be_encoded_is_said(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, frames: int
    ) -> None:
        recording = Recording(tmp_path / "a.mp4")
        with suppress(RtlocError):
            for n in range(frames):
                recording.write(frame(n, n / 30, (17_000, 2)))  # wider than x264 takes
        close_in_time(recording)
        assert "a.mp4: Generic error in an external library; recording has ended" in caplog.text
        assert list(tmp_path.iterdir()) == []

    def test_a_name_may_have_a_colon(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        recording = Recording(Path("12:30.mp4"))
        recording.write(frame(0, 0.0))
        close_in_time(recording)
        assert len(played(tmp_path / "12:30.mp4")) == 1

    def test_what_a_killed_run_left_is_kept(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / ".a.part.mp4").write_text("left")
        recording = Recording(tmp_path / "a.mp4")
        recording.write(frame(0, 0.0))
        recording.close()
        assert (tmp_path / "a-2.mp4").read_text() == "left"
        assert len(played(tmp_path / "a.mp4")) == 1
        assert "a-2.mp4 is what an earlier run left of " in caplog.text

    def test_an_earlier_recording_is_not_written_over(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        for n in range(3):
            recording = Recording(tmp_path / "a.mp4")
            for k in range(n + 1):
                recording.write(frame(k, k / 30))
            recording.close()
        lengths = {path.name: len(played(path)) for path in tmp_path.iterdir()}
        assert lengths == {"a.mp4": 1, "a-2.mp4": 2, "a-3.mp4": 3}
        assert f"a.mp4 is taken; this goes to {tmp_path / 'a-3.mp4'}" in caplog.text

    def test_after_six_hours_it_goes_on_in_another_file(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        recording = Recording(tmp_path / "a.mp4")
        # a source that comes back after a night; a day of which there is a picture in five hours
        times = [0.0, 1.0, 30_000.0, 30_001.0, 30_002.0, 48_000.0, 66_000.0]
        for n, time_s in enumerate(times):
            recording.write(frame(n, time_s))
        close_in_time(recording)
        stamps = {
            path.name: [round(t, 2) for t, _, _ in played(path)] for path in tmp_path.iterdir()
        }
        assert stamps == {"a.mp4": [0, 1], "a-2.mp4": [0, 1, 2, 18_000], "a-3.mp4": [0]}
        assert f"{tmp_path / 'a-2.mp4'}: 4 frames" in caplog.text
        assert "ended" not in caplog.text

    def test_a_slow_encoder_never_makes_the_view_wait(self, tmp_path: Path) -> None:
        begin = threading.Event()

        class Slow(Recording):
            def _take(self) -> Any:
                begin.wait()
                return super()._take()

        recording = Slow(tmp_path / "a.mp4")

        def view() -> None:
            for n in range(WAITING_FRAMES + 7):
                recording.write(frame(n, n / 30))

        viewer = threading.Thread(target=view, daemon=True)
        viewer.start()
        viewer.join(20)
        waited = viewer.is_alive()
        begin.set()
        recording.close()
        assert not waited
        assert (recording.written, recording.dropped) == (WAITING_FRAMES, 7)
        assert len(played(tmp_path / "a.mp4")) == WAITING_FRAMES


class TestSnapshot:
    def test_one_frame_is_kept_when_asked_for(self, controls: Controls, tmp_path: Path) -> None:
        sink = SnapshotSink(controls, lambda: tmp_path / "s.png")
        for n in range(5):
            controls.snapshot = n == 3
            sink.write(frame(n, n), found(), STATS)
        assert [path.name for path in tmp_path.iterdir()] == ["s.png"]
        assert (cv2.imread(str(tmp_path / "s.png")) == 30).all()

    def test_a_full_disk_is_said_and_nothing_left(
        self, controls: Controls, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sink = SnapshotSink(controls, lambda: tmp_path / "s.png")
        controls.snapshot = True
        with full_disk(50):
            sink.write(frame(0, 0), found(), STATS)
        assert "s.png: File too large" in caplog.text
        assert list(tmp_path.iterdir()) == []

    def test_a_missing_folder_is_said(
        self, controls: Controls, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        sink = SnapshotSink(controls, lambda: tmp_path / "gone" / "s.png")
        controls.snapshot = True
        sink.write(frame(0, 0), found(), STATS)
        assert "s.png: No such file or directory" in caplog.text


class TestPage:
    def test_who_begins_to_look_sees_the_last_frame(self, controls: Controls) -> None:
        sink = PageSink(controls)
        for look in range(2):
            for n in range(5):  # nobody looks
                sink.write(frame(n + 5 * look, n), found(), STATS)
                wait_until(lambda: sink.jpeg)  # of the very first one
            number = sink.begin_to_look()
            jpeg, newest = sink.next_jpeg(number, 20)
            assert newest > number
            shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            assert abs(int(shown[0, 0, 0]) - 10 * (4 + 5 * look)) <= 2
            sink.viewers -= 1
        sink.close()


class TestEvents:
    def test_a_label_that_comes_into_view_is_told_once(self) -> None:
        told: list[dict[str, Any]] = []
        sink = EventSink("0", LABELS, [told.append], gone_s=2.0)
        seen_at = [0.0, 0.5, 1.0, 2.9, 6.0, 6.1]  # away for 3.1 s only once
        for n, time_s in enumerate(seen_at):
            sink.write(frame(n, time_s), found(2), STATS)
        wait_until(lambda: len(told) == 2)
        sink.close()
        assert [(one["label"], one["index"]) for one in told] == [("Pikachu", 0), ("Pikachu", 4)]
        assert told[0]["boxes"] == [[10, 20, 60, 80]]
        assert told[0]["frame"] == [320, 240]

    def test_what_is_seen_now_and_then_has_not_come(self) -> None:
        told: list[dict[str, Any]] = []
        sink = EventSink("0", LABELS, [told.append], gone_s=2.0, sure_frames=3)
        #                                         three                away      three
        seen = [2, None, 2, None, None, 2, 2, None, 2, 2, None, 2, *[None] * 30, 2, 2, None, 2, 2]
        for n, class_id in enumerate(seen):
            ids = [] if class_id is None else [class_id]
            sink.write(frame(n, n / 10), found(*ids, *[0] * (n == 5)), STATS)
        wait_until(lambda: len(told) == 2)
        sink.close()
        assert [(one["label"], one["index"]) for one in told] == [("Pikachu", 9), ("Pikachu", 46)]

    def test_each_label_has_its_own_turn(self) -> None:
        told: list[dict[str, Any]] = []
        sink = EventSink("0", LABELS, [told.append], gone_s=2.0)
        sink.write(frame(0, 0.0), found(0, 0), STATS)
        sink.write(frame(1, 0.1), found(0, 3), STATS)
        wait_until(lambda: len(told) == 2)
        sink.close()
        assert [(one["label"], len(one["boxes"])) for one in told] == [
            ("Bulbasaur", 2),
            ("Squirtle", 1),
        ]

    def test_a_command_gets_the_event(self, tmp_path: Path) -> None:
        out = tmp_path / "event.json"
        code = (
            "import os, sys; "
            f"open(r'{out}', 'w').write(os.environ['RTLOC_LABEL'] + sys.stdin.read())"
        )
        sink = EventSink("cam", LABELS, [command_teller(f'{sys.executable} -c "{code}"')], 2.0)
        sink.write(frame(0, 0.0), found(1), STATS)
        wait_until(lambda: out.exists() and out.read_text("utf-8").endswith("}"))
        sink.close()
        text = out.read_text("utf-8")
        assert text.startswith("Charmander{")
        assert json.loads(text.removeprefix("Charmander"))["source"] == "cam"

    def test_a_command_that_fails_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        sink = EventSink("cam", LABELS, [command_teller("exit 3")], 2.0)
        sink.write(frame(0, 0.0), found(1), STATS)
        wait_until(lambda: "ended with exit code 3: exit 3" in caplog.text)
        sink.close()

    def test_a_webhook_gets_the_event(self) -> None:
        with web_server() as (url, bodies):
            sink = EventSink("cam", LABELS, [webhook_teller(url)], 2.0)
            sink.write(frame(7, 0.0), found(1), STATS)
            wait_until(lambda: len(bodies) == 1)
            sink.close()
        assert json.loads(bodies[0])["label"] == "Charmander"
        assert json.loads(bodies[0])["index"] == 7

    def test_a_webhook_that_refuses_is_said(self, caplog: pytest.LogCaptureFixture) -> None:
        with web_server(status=404) as (url, _):
            webhook_teller(url)({"label": "Pikachu"})
        assert "answered 404" in caplog.text

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_webhook_that_redirects_is_said(
        self, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        with web_server() as (there, moved), web_server(status, there) as (url, bodies):
            webhook_teller(url)({"label": "Pikachu"})
        assert f"{url.removesuffix('/hook')} answered {status} " in caplog.text
        assert (len(bodies), moved) == (1, [])

    @pytest.mark.parametrize("status", ["200 OK", "500 Oh dear", "301 Gone there"])
    def test_the_body_of_an_answer_is_not_waited_for(
        self, caplog: pytest.LogCaptureFixture, status: str
    ) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: 1000\r\nLocation: /\r\n\r\n"
        with odd_server(head.encode(), holds=True) as address:
            webhook_teller(f"http://{address}/")({"label": "Pikachu"})
        refused = [] if status == "200 OK" else [f"http://{address} answered {status}"]
        assert caplog.messages == refused

    def test_an_answer_that_is_no_http_ends_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[dict[str, Any]] = []
        with odd_server(b"hello there\r\n\r\n") as address:
            url = f"http://{address}/hook?token=SECRET"
            sink = EventSink("cam", LABELS, [webhook_teller(url), told.append], 0.0)
            for n in range(2):
                sink.write(frame(n, float(n)), found(1), STATS)
            wait_until(lambda: len(told) == 2)
            sink.close()
        assert caplog.text.count(f"http://{address} does not answer as the web does") == 2
        assert "SECRET" not in caplog.text

    def test_one_that_cannot_tell_leaves_the_others_alone(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        told: list[dict[str, Any]] = []
        sink = EventSink("cam", LABELS, [command_teller("nul\0"), told.append], 0.0)
        for n in range(2):
            sink.write(frame(n, float(n)), found(1), STATS)
        wait_until(lambda: len(told) == 2)
        sink.close()
        assert "an event is not told: ValueError" in caplog.text

    @pytest.mark.parametrize("status", [404, 0])
    def test_no_secret_of_a_webhook_is_shown(
        self, caplog: pytest.LogCaptureFixture, status: int
    ) -> None:
        with web_server(status=404) as (url, _):
            address = url if status else "http://127.0.0.1:9/hook"
            webhook_teller(f"{address}?token=SECRET")({"label": "Pikachu"})
        assert address.removesuffix("/hook") in caplog.text
        assert "SECRET" not in caplog.text

    def test_a_dead_webhook_never_makes_the_view_wait(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            sink = EventSink("cam", LABELS, [webhook_teller(url)], 0.0)
            started = time.perf_counter()
            for n in range(60):
                sink.write(frame(n, float(n)), found(1), STATS)
            assert time.perf_counter() - started < 2
            assert "too many wait" in caplog.text
            sink.close()


@contextmanager
def web_server(status: int = 200, location: str = "") -> Iterator[tuple[str, list[bytes]]]:
    """Take requests on loopback; yield the address, and the bodies that came.

    location: where an answer sends whoever asks.
    """
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()

        def do_GET(self) -> None:
            bodies.append(b"")
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", bodies
        server.shutdown()


@contextmanager
def odd_server(answer: bytes, *, holds: bool = False) -> Iterator[str]:
    """Answer whoever connects on loopback with the same bytes; yield host and port.

    holds: whether a connection stays open until the other side closes it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # it is closed
                while True:
                    with listening.accept()[0] as one:
                        one.recv(65536)
                        one.sendall(answer)
                        while holds and one.recv(65536):
                            pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def wait_until(condition: Any, timeout_s: float = 20) -> None:
    ends = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)
