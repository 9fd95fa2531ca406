"""Locate in the pictures that browsers send from their own cameras, and answer with boxes."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from rtloc.detections import Detections
from rtloc.frame import size_wh
from rtloc.localizer import Localizer
from rtloc.overlay import COLOURS
from rtloc.page_app import FOLDER, parts
from rtloc.track import DOUBTFUL, Tracker
from rtloc.web_guard import HEADERS, Guard, Guarded

MOST_CAMERAS = 8
LONGEST_SIDE_PX = 1920
MOST_FPS = 60.0
TRY_AGAIN_LATER = 1013
UNSUPPORTED = 1003
CAMERA_HEADERS = {**HEADERS, "Permissions-Policy": "camera=(self)"}


class Cameras:
    """The browsers that send pictures now, all located by one localizer."""

    def __init__(self, localizer: Localizer, *, track: bool) -> None:
        self.localizer = localizer
        self.count = 0
        self._begin = localizer.threshold
        self._track = track
        if track:
            localizer.threshold *= DOUBTFUL

    def new_tracker(self) -> Tracker | None:
        """Return a tracker for one camera, if objects are followed."""
        return Tracker(self._begin) if self._track else None


def camera_app(cameras: Cameras, guard: Guard) -> Starlette:
    """Make the application: the page with the camera, and the web socket that it sends to."""

    async def page(request: Request) -> Response:
        return guard.remember(request, FileResponse(FOLDER / "camera.html", headers=CAMERA_HEADERS))

    async def about(request: Request) -> Response:
        localizer = cameras.localizer
        colours = ["#{2:02x}{1:02x}{0:02x}".format(*colour) for colour in COLOURS]
        labels = list(localizer.info.labels)
        return JSONResponse(
            {"labels": labels, "colours": colours, "engine": localizer.engine}, headers=HEADERS
        )

    async def locate(socket: WebSocket) -> None:
        await socket.accept()
        if cameras.count >= MOST_CAMERAS:
            await socket.close(TRY_AGAIN_LATER, "too many cameras")
            return
        cameras.count += 1
        try:
            await answer(socket, cameras)
        except WebSocketDisconnect:
            pass
        finally:
            cameras.count -= 1

    routes = [
        Route("/", page),
        *parts("camera.js", "page.css"),
        Route("/about", about),
        WebSocketRoute("/locate", locate),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guarded, guard=guard)])


async def answer(socket: WebSocket, cameras: Cameras) -> None:
    """Answer each picture of one camera with what is in it, in order, one at a time."""
    tracker = cameras.new_tracker()
    started_s = last_s = time.perf_counter()
    while True:
        jpeg = await socket.receive_bytes()
        image = await run_in_threadpool(decoded, jpeg)
        if image is None:
            await socket.close(UNSUPPORTED, f"send JPEGs of at most {LONGEST_SIDE_PX} px")
            return
        before_s = time.perf_counter()
        found = await run_in_threadpool(cameras.localizer.locate, image)
        now_s = time.perf_counter()
        if tracker is not None:
            found = tracker.update(found, now_s - started_s, size_wh(image))
        await socket.send_json(as_json(found, 1e3 * (now_s - before_s)))
        if now_s - last_s < 1 / MOST_FPS:
            await asyncio.sleep(1 / MOST_FPS - (now_s - last_s))
        last_s = now_s


def decoded(jpeg: bytes) -> NDArray[np.uint8] | None:
    """Decode a picture, uint8 [H, W, 3] BGR; None where it is none, or larger than is allowed."""
    size = jpeg_size_wh(jpeg)
    if size is None or max(size) > LONGEST_SIDE_PX:
        return None
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else image.astype(np.uint8, copy=False)


def jpeg_size_wh(jpeg: bytes) -> tuple[int, int] | None:
    """Read width and height from a JPEG's head, before anything is decoded; None: it is none.

    From its frame header: ITU-T T.81, B.2.2 (https://www.w3.org/Graphics/JPEG/itu-t81.pdf).
    """
    if jpeg[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:  # a fill byte, before the marker itself
            at += 1
            continue
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker < 0xC0 or 0xD0 <= marker <= 0xD9 or length < 2:  # no segment of a head
            return None
        if marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = (int.from_bytes(jpeg[at + n : at + n + 2], "big") for n in (5, 7))
            return (width, height) if width and height else None
        at += 2 + length
    return None


def as_json(found: Detections, locate_ms: float) -> dict[str, Any]:
    """Return what is found in one picture, boxes in its pixels, ready for JSON."""
    ids = found.track_ids
    return {
        "locate_ms": round(locate_ms, 2),
        "boxes": [[round(v, 1) for v in box] for box in found.boxes.tolist()],
        "scores": [round(score, 3) for score in found.scores.tolist()],
        "class_ids": found.class_ids.tolist(),
        "tracks": None if ids is None else ids.tolist(),
    }
