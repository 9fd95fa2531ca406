"""`rtloc cameras`: list the cameras and their modes."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from rtloc.cameras import Camera, Mode, by_format, cameras

NONE = (
    "no camera here; plug one in, or give rtloc webcam a URL (a container has those that it is "
    "started with: --device /dev/video0)"
)


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print it as JSON.")
def command(wants_json: bool) -> None:
    """List the cameras, and what `rtloc webcam` may ask of each by --size, --fps and --fourcc.

    Modes are known on Linux only.
    """
    found = cameras()
    if wants_json:
        click.echo(json.dumps([asdict(camera) for camera in found], ensure_ascii=False, indent=1))
    elif found:
        click.echo("\n".join(line for camera in found for line in lines(camera)))
    else:
        click.echo(NONE)


def lines(camera: Camera) -> Iterator[str]:
    """Lay a camera out: its name, and a line for each format."""
    where = f" ({camera.device})" if camera.device else ""
    trouble = f"; {camera.trouble}" if camera.trouble else ""
    yield f"{camera.index}: {camera.name}{where}{trouble}"
    for fourcc, modes in by_format(camera).items():
        yield f"   {fourcc:<5}{', '.join(written(mode) for mode in modes)}"


def written(mode: Mode) -> str:
    """Write a size with its rates."""
    size = f"{'up to ' * mode.up_to}{mode.width}x{mode.height}"
    if not mode.rates_fps:
        return size
    return f"{size} ({', '.join(f'{rate:g}' for rate in mode.rates_fps)} FPS)"
