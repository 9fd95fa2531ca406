"""Serve the live page in a thread of its own, to this machine alone unless told otherwise."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn

from rtloc.controls import Controls
from rtloc.errors import RtlocError, UsageError
from rtloc.page_app import LOOPBACK, Guard, page_app
from rtloc.page_sink import PageSink

START_TIMEOUT_S = 10.0
GOODBYE_S = 2


def address_of(text: str) -> tuple[str, int]:
    """Read [HOST:]PORT; without a host it is 127.0.0.1.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"--serve {text} is no port or host:port; give one such as 8000")
    return host.strip("[]") or "127.0.0.1", int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def served_page(sink: PageSink, controls: Controls, address: str) -> Iterator[str]:
    """Serve the page while the block runs; yield the address to open it at.

    On any address but this machine's own there is a token in it, without which nobody is let in.

    Raises:
        UsageError: `address` is none.
        RtlocError: it cannot be listened on.
    """
    host, port = address_of(address)
    local = is_loopback(host)
    guard = Guard(LOOPBACK) if local else Guard(None, secrets.token_urlsafe(16))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise RtlocError(
            f"cannot serve on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    config = uvicorn.Config(
        page_app(sink, controls, guard),
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=GOODBYE_S,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, args=[[listening]], daemon=True, name="page server"
    )
    thread.start()
    ends = time.monotonic() + START_TIMEOUT_S
    while not server.started and thread.is_alive() and time.monotonic() < ends:
        time.sleep(0.02)
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{port}/" + ("" if local else f"?token={guard.token}")
    finally:
        sink.closed = True  # so that viewers' streams end
        server.should_exit = True
        thread.join(2 * GOODBYE_S)
