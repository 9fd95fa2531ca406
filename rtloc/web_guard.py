"""Who is let in to rtloc's pages."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "rtloc_token"
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
CLOSED_BY_POLICY = 1008
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """Who is let in.

    hosts: names by which this machine may be called, without ports; None: any, then there must be a
    token. A page of another site could else reach this one through the viewer's own browser.
    """

    hosts: tuple[str, ...] | None = LOOPBACK
    token: str | None = None

    def refuses(self, asked: HTTPConnection) -> tuple[int, str] | None:
        """Return the status and the reason with which a request is refused, or None."""
        host = asked.headers.get("host", "")
        if self.hosts is not None and re.sub(r":\d+$", "", host) not in self.hosts:
            return 421, f"this page is not called {host}"
        origin = asked.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != host:
            return 403, "a page of another site asks"
        given = asked.query_params.get("token") or asked.cookies.get(cookie_for(asked)) or ""
        if self.token is not None and not secrets.compare_digest(
            given.encode(), self.token.encode()
        ):
            return 401, "open the address with the token that rtloc printed when it was started"
        return None

    def remember(self, asked: HTTPConnection, response: Response) -> Response:
        """Let the requests that follow a page carry the token without their address."""
        if self.token is not None:
            response.set_cookie(cookie_for(asked), self.token, httponly=True, samesite="strict")
        return response


def guard_for(host: str) -> Guard:
    """Return the guard of a page on an address: beyond this machine it asks for a new token."""
    if is_loopback(host):
        return Guard((*LOOPBACK, in_url(host)))
    return Guard(None, secrets.token_urlsafe(16))


def cookie_for(asked: HTTPConnection) -> str:
    """Name the cookie by the port that is asked; browsers send cookies to all ports of a host."""
    port = re.search(r":(\d+)$", asked.headers.get("host", ""))
    return f"{COOKIE}_{port[1]}" if port else COOKIE


def in_url(host: str) -> str:
    """Write a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Guarded:
    """Asks the guard before each request and each web socket."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._guard.refuses(HTTPConnection(scope))
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": CLOSED_BY_POLICY})
        else:
            status, reason = refusal
            await PlainTextResponse(f"rtloc: {reason}\n", status)(scope, receive, send)
