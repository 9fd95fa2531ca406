"""A browser's camera, located here: the web socket, its limits, and the page in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rtloc.camera_app import MOST_CAMERAS, Cameras, camera_app, decoded, jpeg_size_wh
from rtloc.localizer import Localizer
from rtloc.overlay import COLOURS
from rtloc.web_server import Tls, served

STARTERS = {"Bulbasaur", "Charmander", "Squirtle"}


@pytest.fixture(scope="module")
def cameras() -> Iterator[Cameras]:
    with Localizer() as localizer:
        yield Cameras(localizer, track=True)


@pytest.fixture
def url(cameras: Cameras) -> Iterator[str]:
    with served(partial(camera_app, cameras), "0") as address:
        yield address


@contextmanager
def camera(url: str, **options: Any) -> Iterator[ClientConnection]:
    with connect(f"{url.replace('http', 'ws')}locate", **options) as socket:
        yield socket


def jpeg_of(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def labels_in(answer: str | bytes, cameras: Cameras) -> set[str]:
    found = json.loads(answer)
    return {cameras.localizer.info.labels[n] for n in found["class_ids"]}


def test_each_picture_is_answered_with_its_boxes(
    url: str, cameras: Cameras, scene: np.ndarray
) -> None:
    with camera(url) as socket:
        numbers = []
        for _ in range(5):
            socket.send(jpeg_of(scene))
            answer = socket.recv(timeout=20)
            assert labels_in(answer, cameras) == STARTERS
            numbers.append(sorted(json.loads(answer)["tracks"]))
        x1, y1, x2, y2 = json.loads(answer)["boxes"][0]
        assert 0 <= x1 < x2 <= scene.shape[1]
        assert 0 <= y1 < y2 <= scene.shape[0]
        assert numbers == [[1, 2, 3]] * 5


def test_cameras_at_once_are_followed_apart(url: str, cameras: Cameras, scene: np.ndarray) -> None:
    with camera(url) as one, camera(url) as other:
        for socket in (one, other, one, other):
            socket.send(jpeg_of(scene))
            assert sorted(json.loads(socket.recv(timeout=20))["tracks"]) == [1, 2, 3]


def test_there_is_a_limit_of_cameras(url: str, cameras: Cameras, scene: np.ndarray) -> None:
    def wait_for(count: int) -> None:
        ends = time.monotonic() + 10
        while cameras.count != count and time.monotonic() < ends:
            time.sleep(0.02)
        assert cameras.count == count

    wait_for(0)
    with ExitStack() as stack:
        for _ in range(MOST_CAMERAS):
            stack.enter_context(camera(url))
        wait_for(MOST_CAMERAS)
        one_more = stack.enter_context(camera(url))
        with pytest.raises(ConnectionClosed, match="too many cameras"):
            one_more.recv(timeout=20)
    wait_for(0)


@pytest.mark.parametrize("sent", [b"", b"no picture", b"\xff\xd8\xff\xe0", "text", "huge"])
def test_what_is_no_picture_ends_the_connection_alone(
    url: str, cameras: Cameras, scene: np.ndarray, sent: bytes | str
) -> None:
    if sent == "huge":
        sent = jpeg_of(np.zeros((8, 4000, 3), np.uint8))
    with camera(url) as socket, pytest.raises(ConnectionClosed):
        socket.send(sent)
        socket.recv(timeout=20)
    with camera(url) as socket:
        socket.send(jpeg_of(scene))
        assert labels_in(socket.recv(timeout=20), cameras) == STARTERS


def test_other_sites_are_refused(url: str) -> None:
    with pytest.raises(InvalidStatus, match="403"), camera(url, origin="http://example.org"):
        pass


@given(width=st.integers(1, 300), height=st.integers(1, 300), grey=st.booleans())
def test_a_size_is_read_from_the_head(width: int, height: int, grey: bool) -> None:
    image = np.zeros((height, width) if grey else (height, width, 3), np.uint8)
    assert jpeg_size_wh(jpeg_of(image)) == (width, height)


def test_fill_bytes_before_a_marker_are_no_marker() -> None:
    jpeg = jpeg_of(np.zeros((48, 64, 3), np.uint8))
    for fill in (1, 5):
        filled = jpeg[:2] + b"\xff" * fill + jpeg[2:]
        assert jpeg_size_wh(filled) == (64, 48)
    # taken for a marker, the fill byte would have the next segment's marker in its length
    large = jpeg_of(np.zeros((2000, 2000, 3), np.uint8))
    behind, length = bytearray(0xF000), 0xE900 + 0xF0
    behind[:5] = b"\xff\xff\xe9" + len(behind[3:]).to_bytes(2, "big")
    behind[2 + length : 2 + length + 9] = b"\xff\xc0\x00\x0b\x08" + bytes([0, 64, 0, 64])
    hidden = large[:2] + bytes(behind) + large[2:]
    assert cv2.imdecode(np.frombuffer(hidden, np.uint8), cv2.IMREAD_COLOR).shape[0] == 2000
    assert jpeg_size_wh(hidden) == (2000, 2000)
    assert decoded(hidden) is None


@given(data=st.binary(max_size=200))
def test_any_bytes_are_judged(data: bytes) -> None:
    for head in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00"):
        size = jpeg_size_wh(head + data)
        assert size is None or min(size) > 0


def test_https(cameras: Cameras, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    certified = "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -days 2"
    made = f"req -x509 -newkey rsa:2048 -nodes {certified}"
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made.split(), *files], check=True, capture_output=True)
    with served(partial(camera_app, cameras), "0", Tls(certificate, key)) as url:
        assert url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(url, context=context, timeout=10) as page:
            assert b"<title>rtloc camera" in page.read()


class TestCommand:
    def test_it_serves_until_it_is_stopped(self, tmp_path: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtloc", "serve", "0"],
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        assert process.stderr is not None
        killer = threading.Timer(60, process.kill)
        killer.start()
        lines = [process.stderr.readline() for _ in range(2)]
        address = re.search(r"http://127\.0\.0\.1:\d+/", "".join(lines))
        assert address, lines
        with urllib.request.urlopen(address[0], timeout=10) as page:
            assert page.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        killer.cancel()

    def test_wrong_options_are_refused(self, fails: Callable[..., str], tmp_path: Path) -> None:
        (tmp_path / "c.pem").touch()
        assert "is no port or host:port" in fails(2, "serve", "x")
        assert "go together" in fails(2, "serve", "0", "--certificate", str(tmp_path / "c.pem"))
        both = ["--certificate", str(tmp_path / "c.pem"), "--key", str(tmp_path / "c.pem")]
        assert "cannot use" in fails(1, "serve", "0", *both)


SEE_WHAT_IS_WANTED = """
const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
window.given = [];
if (ask) navigator.mediaDevices.getUserMedia = async (asked) => {
  window.wanted = asked.video;
  given.push(await ask(asked));
  return given.at(-1);
};
"""


def test_a_browser_gives_its_camera(url: str, scene: np.ndarray, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    film = tmp_path / "camera.y4m"
    planes = cv2.cvtColor(cv2.resize(scene, (640, 360)), cv2.COLOR_BGR2YUV_I420)
    head = b"YUV4MPEG2 W640 H360 F30:1 Ip A1:1 C420\n"
    film.write_bytes(head + (b"FRAME\n" + planes.tobytes()) * 30)
    fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    options = ["--no-sandbox", *fake, f"--use-file-for-fake-video-capture={film}"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=options)
        page = browser.new_page(viewport={"width": 420, "height": 760})
        asked: list[str] = []
        page.add_init_script(SEE_WHAT_IS_WANTED)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        for label in STARTERS:
            expect(page.locator("#found")).to_contain_text(label, timeout=30_000)
        shot = page.screenshot()
        assert page.evaluate("[wanted.width.ideal, wanted.height.ideal]") == [1280, 720]
        page.click("#start")
        expect(page.locator("#message")).to_have_text("Stopped.")
        page.evaluate("void byId('start').click(), void byId('start').click()")
        expect(page.locator("#start")).to_have_text("Stop")
        assert page.evaluate("given.filter((one) => one.active).length") == 1
        page.click("#start")
        assert page.evaluate("given.filter((one) => one.active).length") == 0
        browser.close()
    assert all(address.startswith((url, "data:")) for address in asked)
    image = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    for colour in (COLOURS[0], COLOURS[1], COLOURS[3]):
        assert (np.abs(image[:260].astype(int) - colour).max(axis=2) < 30).sum() > 60
