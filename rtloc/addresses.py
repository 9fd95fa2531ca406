"""Addresses as they may be shown: without what lets others in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit


def without_password(address: str) -> str:
    """Leave out the user and password of each URL in a text."""
    return re.sub(r"://[^/\s]*@", "://", address)


def site_of(url: str) -> str:
    """Return the scheme, host and port of a web address; its path and query may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
