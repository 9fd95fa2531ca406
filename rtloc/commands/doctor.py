"""`rtloc doctor`: what is here, and what will be used."""

import json
from typing import Any

import click

from rtloc.diagnosis import diagnosis


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print it as JSON.")
def command(wants_json: bool) -> None:
    """Say what rtloc finds on this machine, and what it will use.

    A report of a fault should begin with it.
    """
    found = diagnosis()
    text = (
        json.dumps(found, indent=1, ensure_ascii=False) if wants_json else "\n".join(lines(found))
    )
    click.echo(text)


def lines(found: dict[str, Any]) -> list[str]:
    """Lay it out for people."""
    told = []
    for name, value in found.items():
        if isinstance(value, dict):
            told.append(f"{name}:")
            told += [f"  {key:<28} {written(one)}" for key, one in value.items()]
        else:
            told.append(f"{name + ':':<30} {written(value)}")
    return told


def written(value: Any) -> str:
    """Write a value in a line."""
    return (", ".join(value) or "none found") if isinstance(value, list) else str(value)
