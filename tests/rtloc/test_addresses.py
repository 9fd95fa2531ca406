"""Addresses are shown without what lets others in, and are else as they were."""

from __future__ import annotations

import pytest

from rtloc.addresses import without_password


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:secret@host:9/live", "rtsp://host:9/live"),
        ("rtsp://me:sec@ret@host/live", "rtsp://host/live"),
        ("rtsp://secret@host/live", "rtsp://host/live"),
        # a / that is not written as %2F
        ("rtsp://me:sec/ret@127.0.0.1:9/live", "rtsp://***@127.0.0.1:9/live"),
        ("rtsp://me:12/34@host/live", "rtsp://***@host/live"),
        ("rtsp://me:s@e/cret@host/live", "rtsp://***@host/live"),
        ("me:secret@host/live", "host/live"),
        # in a path or query
        (
            "rtsp://host/user=me&password=secret&channel=1",
            "rtsp://host/user=me&password=***&channel=1",
        ),
        (
            "rtsp://host/user=me_password=se_cret_channel=1_stream=0.sdp",
            "rtsp://host/user=me_password=***_channel=1_stream=0.sdp",
        ),
        ("http://host/live?Pwd=secret", "http://host/live?Pwd=***"),
        (
            "http://host/live?pass=&access_token=secret",
            "http://host/live?pass=***&access_token=***",
        ),
        ("srt://host:9?passphrase=sec/ret@x&mode=caller", "srt://***@x&mode=caller"),
        # several in a text
        ("rtsp://a:b@h/x and rtsp://c:d/e@h/y", "rtsp://h/x and rtsp://***@h/y"),
        (
            'rtspsrc location=rtsp://host/x user-pw="secret word" ! none',
            "rtspsrc location=rtsp://host/x user-pw=*** ! none",
        ),
    ],
)
def test_what_lets_others_in_is_left_out(address: str, shown: str) -> None:
    assert without_password(address) == shown


@pytest.mark.parametrize(
    "address",
    [
        "0",
        "/dev/video0",
        "rtsp://host:554/live?channel=1&subtype=0",
        "http://host/@name/live",
        "http://[::1]:8080/stream.mjpg",
        "me@home.mp4",
        r"C:\me@home\in.mp4",
        "videotestsrc ! video/x-raw,width=640 ! appsink",
    ],
)
def test_what_has_no_secret_stays_as_it_is(address: str) -> None:
    assert without_password(address) == address
