"""The options of `rtloc webcam`: what is opened, and where it goes beside the view."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from rtloc.capture import APIS
from rtloc.commands.options import Number, NumberRange, parse_size_wh, records_option
from rtloc.errors import UsageError
from rtloc.files import check_writable
from rtloc.mqtt import broker_of

A_PATH = click.Path(path_type=Path)

SOURCE_OPTIONS = (
    click.option(
        "--size", metavar="WxH", callback=parse_size_wh, help="Of the camera, such as 1280x720."
    ),
    click.option("--fps", type=NumberRange(0, min_open=True), help="Of the camera."),
    click.option("--fourcc", type=click.Choice(["MJPG", "YUYV"]), help="How it sends pictures."),
    click.option("--exposure", type=Number(), help="Set by hand, in the camera's own unit."),
    click.option("--flip", is_flag=True, help="Locate and show its mirror image."),
    click.option(
        "--api", type=click.Choice(list(APIS)), help="What opens it.  [default: by system]"
    ),
    click.option(
        "--timeout",
        type=NumberRange(0, min_open=True),
        default=5.0,
        show_default=True,
        help="A stream that sends nothing for so many seconds is lost.",
    ),
    click.option("--no-reconnect", is_flag=True, help="Leave a lost source; end when all are."),
)
OUTPUT_OPTIONS = (
    click.option("--serve", metavar="[HOST:]PORT", help="Show it on a page, not in a window."),
    click.option("--trails", is_flag=True, help="Draw where followed objects came from."),
    click.option("--no-window", is_flag=True, help="Show nothing; Ctrl-C ends the run."),
    click.option("--duration", type=NumberRange(0, min_open=True), help="End after seconds."),
    click.option("--record", type=A_PATH, help="Record an MP4 from the start; r stops it."),
    records_option,
    click.option("--on-detect", metavar="COMMAND", help="Run it when a label comes into view."),
    click.option("--webhook", metavar="URL", help="POST JSON there when a label comes into view."),
    click.option("--mqtt", metavar="URL", help="Publish to mqtt://[USER:PASSWORD@]HOST/TOPIC."),
    click.option(
        "--sure-after",
        type=click.IntRange(1),
        default=3,
        show_default=True,
        help="Frames with a label, after which it has come into view; each without it takes one "
        "back.",
    ),
    click.option(
        "--gone-after",
        type=NumberRange(0),
        default=10.0,
        show_default=True,
        help="Seconds out of view, after which a label comes into view again.",
    ),
)


@dataclass(frozen=True)
class Outputs:
    """Where a run goes beside the view; None: nowhere."""

    record: Path | None
    records: Path | None
    on_detect: str | None
    webhook: str | None
    mqtt: str | None
    serve: str | None
    sure_after: int
    gone_after: float


def check_outputs(wanted: Outputs) -> None:
    """Make sure that what will be written can be, before the camera is opened.

    Raises:
        UsageError: it cannot.
    """
    if wanted.record is not None:
        if wanted.record.suffix.lower() not in {".mp4", ".m4v", ".mov"}:
            raise UsageError(f"cannot record to {wanted.record}; end its name in .mp4")
        check_writable(wanted.record)
    if wanted.mqtt is not None:
        broker_of(wanted.mqtt)
    if wanted.webhook is not None:
        check_webhook(wanted.webhook)


def check_webhook(url: str) -> None:
    """Make sure that events can be sent to a web address. It may hold secrets: none are shown.

    Raises:
        UsageError: they cannot.
    """
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        raise UsageError("--webhook is no web address; it begins with http:// or https://")
    if "@" in parts.netloc:
        raise UsageError("--webhook sends no user and password; leave out all before the @")
    if not re.fullmatch("[!-~]+", url):
        raise UsageError("--webhook has spaces or letters that no URL has; write them as %20 or so")
