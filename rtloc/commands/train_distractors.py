"""The options that say which drawings of other things are in generated pictures."""

from pathlib import Path

import click

from rtloc.commands.options import Option
from rtloc.errors import UsageError
from train.data_set import DISTRACTORS

USUAL = "[default: those that come with rtloc, without those that are named like a class]"


def distractor_options(text: str) -> tuple[Option, ...]:
    """Return --distractors and --no-distractors; text: what is in the folder."""
    folder = click.Path(path_type=Path)
    return (
        click.option("--distractors", type=folder, help=f"{text}  {USUAL}"),
        click.option(
            "--no-distractors",
            is_flag=True,
            help="Draw none of those that come with rtloc.",
        ),
    )


def chosen_distractors(distractors: Path | None, no_distractors: bool) -> Path | None:
    """Return the folder that the options name; None: there shall be none.

    Raises:
        UsageError: they contradict each other.
    """
    if distractors is not None and no_distractors:
        raise UsageError("--distractors and --no-distractors contradict each other; leave one out")
    return None if no_distractors else distractors or DISTRACTORS
