"""`rtloc serve`: locate in what browsers' own cameras see."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from rtloc.commands.options import (
    Locating,
    locating_options,
    open_localizer,
    track_option,
    with_options,
)
from rtloc.errors import RtlocError, UsageError
from rtloc.interrupts import terminated_like_interrupted

A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("address", metavar="[[HOST:]PORT]", default="8000")
@click.option("--certificate", type=A_FILE, help="For https: a PEM file.")
@click.option("--key", type=A_FILE, help="Its private key, a PEM file.")
@with_options(track_option(default=True), *locating_options())
def command(
    address: str,
    certificate: Path | None,
    key: Path | None,
    track: bool,
    **locating: Any,
) -> None:
    """Serve a page that finds objects in what the camera of a phone or laptop sees.

    The port is 8000 unless another is named. Only this machine is let in, unless HOST is another
    address; then a token is needed, and browsers give their cameras to https pages only:
    --certificate and --key.
    """
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key go together; give both, or none")
    try:
        from rtloc.camera_app import Cameras, camera_app
        from rtloc.web_server import Tls, served
    except ModuleNotFoundError as error:
        raise RtlocError(
            f'rtloc serve needs the module {error.name}; pip install "rtloc[web]"'
        ) from error
    tls = Tls(certificate, key) if certificate and key else None
    forever = threading.Event()
    with open_localizer(Locating(**locating)) as localizer:
        cameras = Cameras(localizer, track=track)
        with served(partial(camera_app, cameras), address, tls) as url:
            click.echo(f"rtloc: {localizer.backend} ({localizer.backend_reason})", err=True)
            click.echo(f"rtloc: open {url} in a browser; Ctrl-C ends the run", err=True)
            with suppress(KeyboardInterrupt), terminated_like_interrupted():
                while not forever.wait(1):  # without an end Windows would not hear Ctrl-C
                    pass
