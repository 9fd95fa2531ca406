"""A live stream for tests: numbered pictures as MJPEG over HTTP on loopback, at a steady rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

BITS = 16
CELL = 20


def numbered(image: np.ndarray, number: int) -> np.ndarray:
    """Write a number into the bottom of a picture, a black or white square for each bit."""
    marked = image.copy()
    for bit in range(BITS):
        value = 255 * (number >> bit & 1)
        marked[-CELL:, bit * CELL : (bit + 1) * CELL] = value
    return marked


def number_of(image: np.ndarray) -> int:
    """Read the number that `numbered` wrote."""
    row = image[-CELL // 2, CELL // 2 : BITS * CELL : CELL].mean(axis=-1)
    return sum(1 << bit for bit, value in enumerate(row) if value > 127)


class MjpegServer(ThreadingHTTPServer):
    """Serves `frames` numbered copies of a picture, `rate` a second, from each request on.

    sent: how many of them; silence: ends a connection that falls silent after its last frame; gone:
    it answers no request any more, and ends those that go on; broken_every: of so many pictures one
    is no JPEG; larger_from: pictures from this number on have twice the width and height.
    """

    daemon_threads = True

    def __init__(self, image: np.ndarray, rate: float, frames: int, falls_silent: bool) -> None:
        super().__init__(("127.0.0.1", 0), Stream)
        self.image, self.rate, self.frames = image, rate, frames
        self.sent = 0
        self.gone = False
        self.broken_every = 0
        self.larger_from = frames
        self.silence = threading.Event()
        if not falls_silent:
            self.silence.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/stream.mjpg"


class Stream(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        if self.server.gone:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        started = time.monotonic()
        for n in range(self.server.frames):
            time.sleep(max(0.0, started + n / self.server.rate - time.monotonic()))
            if self.server.gone:
                return
            jpeg = self.picture(n)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            self.server.sent = n + 1
        self.server.silence.wait()

    def picture(self, n: int) -> bytes:
        """Return the n-th picture as it is sent."""
        larger = 1 if n < self.server.larger_from else 2
        image = cv2.resize(self.server.image, None, fx=larger, fy=larger)
        jpeg = cv2.imencode(".jpg", numbered(image, n))[1].tobytes()
        broken = self.server.broken_every and n % self.server.broken_every == 1
        return jpeg[:40] + b"garbage" * 100 if broken else jpeg

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def mjpeg_server(
    image: np.ndarray,
    *,
    rate: float = 30,
    frames: int = 300,
    falls_silent: bool = False,
    broken_every: int = 0,
    larger_from: int | None = None,
) -> Iterator[MjpegServer]:
    """Serve a stream on loopback while the block runs; then it ends, or falls silent."""
    server = MjpegServer(image, rate, frames, falls_silent)
    server.broken_every = broken_every
    server.larger_from = frames if larger_from is None else larger_from
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.silence.set()
        server.shutdown()
        server.server_close()
