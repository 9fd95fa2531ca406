"""The live view on a page: who gets in, what is served, and what a viewer can change."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPCookieProcessor, ProxyHandler, build_opener

import cv2
import numpy as np
import pytest

from rtloc.controls import Controls, open_controls
from rtloc.detections import Detections
from rtloc.errors import RtlocError, UsageError
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats
from rtloc.localizer import Localizer
from rtloc.overlay import COLOURS, draw
from rtloc.page_app import FOLDER, page_app
from rtloc.page_sink import PageSink
from rtloc.web_guard import is_loopback
from rtloc.web_server import address_of, served

NO_OTHER = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has 127.0.0.1 only")


@dataclass
class Served:
    url: str
    sink: PageSink
    controls: Controls

    def ask(
        self, path: str, body: Any = None, method: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Send one request; return the status and the body of the answer."""
        parts = urlsplit(self.url)
        one = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
        data = None if body is None else json.dumps(body)
        one.request(method or ("GET" if body is None else "POST"), path, data, headers)
        answer = one.getresponse()
        return answer.status, answer.read()

    def state(self) -> dict[str, Any]:
        status, body = self.ask("/state")
        assert status == 200
        found: dict[str, Any] = json.loads(body)
        return found


@contextmanager
def serve(localizer: Localizer, scene: np.ndarray, address: str) -> Iterator[Served]:
    """Serve the scene as a camera's frames, 30 a second."""
    localizer.threshold = 0.5
    localizer.look_for(range(4))
    controls = open_controls(localizer, track=False, smooth=True)
    sink, stats = PageSink(controls), LiveStats(controls.labels)
    stop = threading.Event()

    def show() -> None:
        n = 0
        while not stop.wait(1 / 30):
            frame = Frame(scene.copy(), n, n / 30)
            with stats.timing("locate"):
                found = localizer.locate_frame(frame)
            stats.located(found)
            draw(frame.pixels, found, controls.labels)
            sink.write(frame, found, stats)
            stats.shown(0.01)
            n += 1

    camera = threading.Thread(target=show)
    with served(partial(page_app, sink, controls), address) as url:
        camera.start()
        ends = time.monotonic() + 10
        while not sink.jpeg and time.monotonic() < ends:
            time.sleep(0.02)
        yield Served(url, sink, controls)
        stop.set()
        camera.join()
    sink.close()


@pytest.fixture
def page(localizer: Localizer, scene: np.ndarray) -> Iterator[Served]:
    with serve(localizer, scene, "0") as served:
        yield served


def pictures(page: Served, count: int, pause_s: float = 0) -> list[np.ndarray]:
    """Look at the stream, with a pause after each picture."""
    parts = urlsplit(page.url)
    one = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    one.request("GET", "/stream.mjpg")
    answer = one.getresponse()
    assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    seen = []
    while len(seen) < count:
        length = 0
        while (line := answer.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        jpeg = np.frombuffer(answer.read(length), np.uint8)
        seen.append(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        time.sleep(pause_s)
    one.close()
    return seen


def test_the_page_and_its_parts_are_there(page: Served) -> None:
    for path, part in (("/", b"<title>rtloc"), ("/page.js", b"refresh"), ("/page.css", b"main")):
        status, body = page.ask(path)
        assert status == 200
        assert part in body
    assert page.ask("/page_app.py")[0] == 404


def test_the_page_asks_nobody_else() -> None:
    parts = list(FOLDER.iterdir())
    assert len(parts) == 5
    for path in parts:
        assert not re.search(r"https?://|(src|href)=\"//", path.read_text("utf-8"))


def test_the_stream_shows_the_boxes(page: Served) -> None:
    image = pictures(page, 2)[-1]
    assert image.shape == (720, 1280, 3)
    green = np.abs(image.astype(int) - COLOURS[0]).max(axis=2) < 40
    assert green[:, 60:420].sum() > 500


def test_several_viewers_look_at_once_and_a_slow_one_slows_nobody(page: Served) -> None:
    slow = threading.Thread(target=pictures, args=[page, 4, 0.7], daemon=True)
    slow.start()
    started = time.monotonic()
    assert len(pictures(page, 20)) == 20
    assert time.monotonic() - started < 0.7 * 4 + 5
    slow.join(20)
    assert not slow.is_alive()


def test_viewers_that_have_gone_are_counted_no_more(page: Served) -> None:
    pictures(page, 2)
    ends = time.monotonic() + 10
    while page.sink.viewers and time.monotonic() < ends:
        time.sleep(0.05)
    assert page.sink.viewers == 0


def test_a_snapshot_is_of_the_last_frame_though_nobody_looks(localizer: Localizer) -> None:
    controls = open_controls(localizer, track=False, smooth=True)
    sink, stats = PageSink(controls), LiveStats(controls.labels)
    with served(partial(page_app, sink, controls), "0") as url:
        page = Served(url, sink, controls)
        assert page.ask("/snapshot.jpg")[0] == 503
        for n, grey in enumerate((10, 90, 200)):
            picture = np.full((48, 64, 3), grey, np.uint8)
            sink.write(Frame(picture, n, n), Detections.empty(), stats)
            ends = time.monotonic() + 10
            while not sink.jpeg and time.monotonic() < ends:
                time.sleep(0.02)
        status, jpeg = page.ask("/snapshot.jpg")
    sink.close()
    assert status == 200
    seen = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert seen.mean() == pytest.approx(200, abs=2)


def test_the_state_tells_figures_and_what_is_found(page: Served) -> None:
    state = page.state()
    assert {one["label"] for one in state["found"]} == {"Bulbasaur", "Charmander", "Squirtle"}
    assert state["figures"]["locate_p50_ms"] > 0
    assert state["figures"]["camera_fps"] == 0
    assert state["threshold"] == 0.5


def test_viewers_change_threshold_and_classes(page: Served) -> None:
    assert page.ask("/controls", {"threshold": 0.9})[0] == 200
    assert page.controls.threshold == 0.9
    assert page.ask("/controls", {"toggle": "Bulbasaur"})[0] == 200
    assert [one["shown"] for one in page.state()["classes"]] == [False, True, True, True]
    assert page.ask("/controls", {"paused": True})[0] == 200
    assert page.controls.paused


@pytest.mark.parametrize(
    "body",
    [{"threshold": 2}, {"threshold": "x"}, {"toggle": "Mewtwo"}, {"quit": True}, [1], "x" * 2000],
)
def test_what_makes_no_sense_changes_nothing(page: Served, body: Any) -> None:
    assert page.ask("/controls", body)[0] == 400
    assert page.controls.threshold == 0.5
    assert not page.controls.quit


def test_a_page_of_another_site_is_refused(page: Served) -> None:
    assert page.ask("/controls", {"paused": True}, Origin="http://example.org")[0] == 403
    assert page.ask("/state", Host="example.org")[0] == 421
    assert page.ask("/state", Host=f"example.org:{urlsplit(page.url).port}")[0] == 421
    assert not page.controls.paused
    own = f"http://{urlsplit(page.url).netloc}"
    assert page.ask("/controls", {"paused": True}, Origin=own)[0] == 200


def test_beyond_this_machine_a_token_is_needed(localizer: Localizer, scene: np.ndarray) -> None:
    with serve(localizer, scene, "0.0.0.0:0") as page:
        token = urlsplit(page.url).query
        assert len(token) > 20
        assert page.ask("/state")[0] == 401
        assert page.ask("/state?token=wrong")[0] == 401
        assert page.ask(f"/?{token}")[0] == 200
        cookie = token.replace("token=", f"rtloc_token_{urlsplit(page.url).port}=")
        assert page.ask("/state", Cookie=cookie)[0] == 200
        cookie = token.replace("token=", "rtloc_token_80=")
        assert page.ask("/state", Host="another.example:80", Cookie=cookie)[0] == 200


def test_two_runs_on_one_host_leave_each_others_viewers_in(
    localizer: Localizer, scene: np.ndarray
) -> None:
    browser = build_opener(ProxyHandler({}), HTTPCookieProcessor())
    with (
        serve(localizer, scene, "0.0.0.0:0") as one,
        serve(localizer, scene, "0.0.0.0:0") as other,
    ):
        for page in (one, other):
            browser.open(page.url, timeout=10).close()
        for page in (one, other):
            with browser.open(page.url.partition("?")[0] + "state", timeout=10) as answer:
                assert answer.status == 200


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        ("0", "localhost", 200),  # browsers leave out the ports 80 and 443
        ("0", "127.0.0.1", 200),
        ("0", "[::1]", 200),
        ("0", "example.org", 421),
        ("0", "", 421),
        pytest.param("127.0.0.2:0", "127.0.0.2", 200, marks=NO_OTHER),
        pytest.param("127.0.0.2:0", "127.0.0.2:8000", 200, marks=NO_OTHER),
        pytest.param("127.0.0.2:0", "127.0.0.3:8000", 421, marks=NO_OTHER),
    ],
)
def test_this_machine_is_called_by_its_own_names(
    localizer: Localizer, scene: np.ndarray, address: str, host: str, status: int
) -> None:
    with serve(localizer, scene, address) as page:
        assert page.ask("/state")[0] == 200
        assert page.ask("/state", Host=host)[0] == status


def test_a_port_that_is_taken_is_said(page: Served) -> None:
    with (
        pytest.raises(RtlocError, match=r"cannot serve on 127\.0\.0\.1:.*; choose another port"),
        served(partial(page_app, page.sink, page.controls), str(urlsplit(page.url).port)),
    ):
        pass


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4:", "70000", "host:port"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no port or host:port"):
        address_of(text)


def test_addresses() -> None:
    assert address_of("8000") == ("127.0.0.1", 8000)
    assert address_of("0.0.0.0:8000") == ("0.0.0.0", 8000)
    assert address_of("[::1]:8000") == ("::1", 8000)
    assert [is_loopback(h) for h in ("127.0.0.1", "localhost", "::1")] == [True] * 3
    assert [is_loopback(h) for h in ("0.0.0.0", "192.168.1.2", "example.org")] == [False] * 3


def test_a_browser_shows_it(page: Served, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    shot = tmp_path / "page.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1000,900"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=4000"]
    subprocess.run(
        [chromium, *options, f"--screenshot={shot}", page.url],
        capture_output=True,
        timeout=90,
        check=True,
    )
    image = cv2.imread(str(shot))
    view = image[: image.shape[0] * 6 // 10]
    for colour in (COLOURS[0], COLOURS[1], COLOURS[3]):
        assert (np.abs(view.astype(int) - colour).max(axis=2) < 40).sum() > 100
    assert image[600:].std() > 10  # figures and controls
