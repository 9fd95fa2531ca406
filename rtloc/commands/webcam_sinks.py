"""Open what `rtloc webcam` gives its frames to beside the view, as the options ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from rtloc.commands.webcam_options import Outputs
from rtloc.controls import Controls
from rtloc.errors import RtlocError
from rtloc.event_sink import EventSink, command_teller, webhook_teller
from rtloc.mqtt import broker_of, mqtt_teller
from rtloc.recording_sink import RecordingSink
from rtloc.records import open_records
from rtloc.records_sink import ABOUT, RecordsSink
from rtloc.sink import Sink
from rtloc.snapshot_sink import SnapshotSink, name_by_time


def shared_sinks(stack: ExitStack, wanted: Outputs, controls: Controls) -> list[Sink]:
    """Open what the picture goes to beside the view: that of the source, or of all of them."""
    controls.recording = wanted.record is not None
    sinks: list[Sink] = [
        SnapshotSink(controls),
        RecordingSink(controls, recording_names(wanted.record)),
    ]
    if wanted.serve is not None:
        sinks.append(open_page(stack, controls, wanted.serve))
    return sinks


def own_sinks(
    stack: ExitStack, wanted: Outputs, controls: Controls, names: Sequence[str]
) -> list[list[Sink]]:
    """Open what is found in each source goes to."""
    own: list[list[Sink]] = [[] for _ in names]
    several = len(names) > 1
    if wanted.records is not None:
        about = ("source", *ABOUT) if several else ABOUT
        tracked = bool(controls.trackers)
        labels = controls.labels
        opened = open_records(wanted.records, labels, about, tracked=tracked, beside=True)
        record = stack.enter_context(opened)
        for sinks, name in zip(own, names, strict=True):
            sinks.append(RecordsSink(record, name if several else None))
    tell = []
    if wanted.on_detect is not None:
        tell.append(command_teller(wanted.on_detect))
    if wanted.webhook is not None:
        tell.append(webhook_teller(wanted.webhook))
    if wanted.mqtt is not None:
        tell.append(mqtt_teller(broker_of(wanted.mqtt)))
    if tell:
        for sinks, name in zip(own, names, strict=True):
            sinks.append(
                EventSink(name, controls.labels, tell, wanted.gone_after, wanted.sure_after)
            )
    return own


def open_page(stack: ExitStack, controls: Controls, address: str) -> Sink:
    """Serve the page.

    Raises:
        RtlocError: the packages that it needs are not installed.
    """
    try:
        from rtloc.page_app import page_app
        from rtloc.page_sink import PageSink
        from rtloc.web_server import served
    except ModuleNotFoundError as error:
        raise RtlocError(
            f'--serve needs the module {error.name}; pip install "rtloc[web]"'
        ) from error
    sink = PageSink(controls)
    url = stack.enter_context(served(partial(page_app, sink, controls), address))
    click.echo(f"rtloc: open {url} in a browser; Ctrl-C ends the run", err=True)
    return sink


def recording_names(first: Path | None) -> Callable[[], Path]:
    """Return a function that names the next recording; one that is there gets a number."""
    return lambda: name_by_time(".mp4") if first is None else first
