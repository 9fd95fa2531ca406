"""Addresses as they may be shown: without what lets others in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# a password may have a / that is not written as %2F, and the scheme may have been left out
USER = re.compile(r"(://)(?:[^/\s]*:\S*|[^/\s]*)@|^[^/\\\s:]{2,}:(?!//)\S*@")
# as in a query; some recorders join with _ what others join with &
SECRET = re.compile(
    r"((?:pass[a-z]*|pwd|psw|pw|token)=)"
    r"""(?:"[^"]*"|'[^']*'|\S*?(?=[&\s]|_(?:channel|stream|subtype)|$))""",
    re.IGNORECASE,
)


def without_password(address: str) -> str:
    """Leave out the user and password of each URL in a text, and the values of pass…=, token=.

    Where it cannot be told whether an @ ends a password or stands in a path, all before it is left
    out, and *** stands for it.
    """

    def kept(user: re.Match[str]) -> str:
        scheme = user[1] or ""
        return scheme + ("***@" if "/" in user[0].removeprefix(scheme) else "")

    return SECRET.sub(r"\1***", USER.sub(kept, address))


def site_of(url: str) -> str:
    """Return the scheme, host and port of a web address; its path and query may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
