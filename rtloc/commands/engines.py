"""`rtloc engines`: what lies in the cache of compiled engines."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from engines.engine_cache import CachedEngine, cache_folder, clear_cache, engines_in_cache
from engines.engine_file import read_engine
from rtloc.errors import UsageError


@click.group("engines", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List, show and clear the engines that were compiled for this machine's GPU."""
    if context.invoked_subcommand is None:
        context.invoke(list_engines)


@command.command("list")
def list_engines() -> None:
    """List the engines in the cache."""
    engines = list(engines_in_cache())
    click.echo(f"{cache_folder()}: {len(engines)} engines", err=True)
    for engine in engines:
        click.echo(line(engine))


def line(engine: CachedEngine) -> str:
    """Write an engine in a line."""
    info = engine.info
    about = (
        "damaged; it will be compiled again"
        if info is None
        else (
            f"{info.precision}, {info.flavour} {info.tensorrt_version}, {info.gpu}, "
            f"up to {info.shapes[2][0]} frames"
        )
    )
    return f"{engine.path.name}  {engine.size_bytes / 1e6:.1f} MB  {about}"


@command.command()
@click.argument("engine")
def show(engine: str) -> None:
    """Tell all that ENGINE, a file or a name in the cache, says of itself, as JSON.

    Its checksum is held as well.
    """
    path = Path(engine)
    if not path.is_file():
        path = cache_folder() / engine
    if not path.is_file():
        raise UsageError(f"no engine {engine!r}; `rtloc engines` lists those in the cache")
    info, plan = read_engine(path)
    told = {**asdict(info), "engine_bytes": len(plan)}
    click.echo(json.dumps(told, indent=1, ensure_ascii=False))


@command.command()
def clear() -> None:
    """Remove all engines from the cache."""
    click.echo(f"{cache_folder()}: {clear_cache()} engines removed", err=True)
