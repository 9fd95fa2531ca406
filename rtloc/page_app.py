"""The live page's requests: the page itself, the picture, the figures, and the controls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from rtloc.controls import Controls
from rtloc.page_sink import PageSink
from rtloc.web_guard import HEADERS, Guard, Guarded

FOLDER = Path(__file__).parent / "page"
# on Windows another program may have told the system that scripts are plain text
MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
MOST_VIEWERS = 16
LARGEST_BODY_BYTES = 1000
WAIT_S = 1.0


def page_app(sink: PageSink, controls: Controls, guard: Guard) -> Starlette:
    """Make the application that serves a sink's picture."""

    async def page(request: Request) -> Response:
        return guard.remember(request, FileResponse(FOLDER / "index.html", headers=HEADERS))

    async def state(request: Request) -> Response:
        return JSONResponse(sink.state(), headers=HEADERS)

    async def snapshot(request: Request) -> Response:
        jpeg = await run_in_threadpool(sink.snapshot)
        if jpeg is None:
            return PlainTextResponse("rtloc: no frame has come yet\n", 503)
        name = {"Content-Disposition": 'attachment; filename="rtloc.jpg"'}
        return Response(jpeg, media_type="image/jpeg", headers={**HEADERS, **name})

    async def stream(request: Request) -> Response:
        if sink.viewers >= MOST_VIEWERS:
            return PlainTextResponse("rtloc: too many viewers\n", 503)
        kind = "multipart/x-mixed-replace; boundary=frame"
        return StreamingResponse(pictures(sink, request), media_type=kind, headers=HEADERS)

    async def change(request: Request) -> Response:
        body = await request.body()
        problem = changed(controls, body)
        if problem is not None:
            return PlainTextResponse(f"rtloc: {problem}\n", 400)
        return JSONResponse(sink.state(), headers=HEADERS)

    routes = [
        Route("/", page),
        *parts("page.js", "page.css"),
        Route("/state", state),
        Route("/snapshot.jpg", snapshot),
        Route("/stream.mjpg", stream),
        Route("/controls", change, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guarded, guard=guard)])


def parts(*names: str) -> list[Route]:
    """Return the routes to what a page is made of, files beside it."""

    async def part(request: Request) -> Response:
        path = FOLDER / request.url.path.lstrip("/")
        return FileResponse(path, headers=HEADERS, media_type=MEDIA_TYPES[path.suffix])

    return [Route(f"/{name}", part) for name in names]


async def pictures(sink: PageSink, request: Request) -> AsyncIterator[bytes]:
    """Yield the newest picture, each time that there is a newer one and the viewer has room."""
    number = sink.begin_to_look()
    try:
        while not sink.closed and not await request.is_disconnected():
            jpeg, newest = await run_in_threadpool(sink.next_jpeg, number, WAIT_S)
            if newest == number or not jpeg:
                continue
            number = newest
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            yield head.encode() + jpeg + b"\r\n"
    finally:
        sink.viewers -= 1


def changed(controls: Controls, body: bytes) -> str | None:
    """Do what a viewer asks for; return what is wrong with it, or None."""
    if len(body) > LARGEST_BODY_BYTES:
        return "too much is asked at once"
    try:
        asked = json.loads(body)
    except ValueError:
        return "this is no JSON"
    if not isinstance(asked, dict):
        return "this is no JSON object"
    for name, value in asked.items():
        if name == "threshold" and isinstance(value, (int, float)) and 0 <= value <= 1:
            controls.set_threshold(float(value))
        elif name == "toggle" and value in controls.labels:
            controls.toggle(list(controls.labels).index(value))
        elif name in {"paused", "recording"} and isinstance(value, bool):
            setattr(controls, name, value)
        else:
            return f"{name} cannot be {value!r}"
    return None
