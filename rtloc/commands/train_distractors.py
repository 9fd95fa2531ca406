"""The options that say which drawings of other things are in generated pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rtloc.errors import UsageError
from train.data_set import DISTRACTORS

Command = TypeVar("Command", bound=Callable[..., Any])


def distractor_options(text: str) -> Callable[[Command], Command]:
    """Give a command --distractors and --no-distractors; text: what is in the folder."""
    usual = "[default: those that come with rtloc, without those that are named like a class]"

    def give(command: Command) -> Command:
        folder = click.Path(path_type=Path)
        leave_out = "Draw none of those that come with rtloc."
        command = click.option("--no-distractors", is_flag=True, help=leave_out)(command)
        return click.option("--distractors", type=folder, help=f"{text}  {usual}")(command)

    return give


def chosen_distractors(distractors: Path | None, no_distractors: bool) -> Path | None:
    """Return the folder that the options name; None: there shall be none.

    Raises:
        UsageError: they contradict each other.
    """
    if distractors is not None and no_distractors:
        raise UsageError("--distractors and --no-distractors contradict each other; leave one out")
    return None if no_distractors else distractors or DISTRACTORS
