"""Serve a page in a thread of its own, to this machine alone unless told otherwise."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from rtloc.errors import RtlocError, UsageError
from rtloc.web_guard import Guard, guard_for, in_url

START_TIMEOUT_S = 10.0
GOODBYE_S = 2
LARGEST_MESSAGE_BYTES = 4 << 20


@dataclass(frozen=True)
class Tls:
    """A certificate and its private key, two PEM files."""

    certificate: Path
    key: Path


def address_of(text: str) -> tuple[str, int]:
    """Read [HOST:]PORT; without a host it is 127.0.0.1.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{text!r} is no port or host:port; give one such as 8000")
    return host.strip("[]") or "127.0.0.1", int(port)


@contextmanager
def served(
    app_for: Callable[[Guard], Starlette], address: str, tls: Tls | None = None
) -> Iterator[str]:
    """Serve an application while the block runs; yield the address to open it at.

    On any address but this machine's own there is a token in it, without which nobody is let in.

    Raises:
        UsageError: `address` is none.
        RtlocError: it cannot be listened on, or the certificate not be used.
    """
    host, port = address_of(address)
    guard = guard_for(host)
    config = uvicorn.Config(
        app_for(guard),
        log_level="critical",
        lifespan="off",
        timeout_graceful_shutdown=GOODBYE_S,
        ws_max_size=LARGEST_MESSAGE_BYTES,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    try:
        config.load()
    except OSError as error:  # ssl's errors are of this kind, too
        files = f"{tls.certificate} and {tls.key}" if tls else "the page"
        raise RtlocError(f"cannot use {files}: {error.strerror or error}") from error
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise RtlocError(
            f"cannot serve on {host}:{port}: {error.strerror}; choose another port"
        ) from error
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=[[listening]], daemon=True, name="web server")
    thread.start()
    ends = time.monotonic() + START_TIMEOUT_S
    while not server.started and thread.is_alive() and time.monotonic() < ends:
        time.sleep(0.02)
    token = "" if guard.token is None else f"?token={guard.token}"
    try:
        yield f"http{'s' if tls else ''}://{in_url(host)}:{listening.getsockname()[1]}/{token}"
    finally:
        server.should_exit = True
        thread.join(2 * GOODBYE_S)
