"""Where `rtloc train` and `rtloc export` write their model file."""

from pathlib import Path

import click
from click.core import ParameterSource

from rtloc.errors import UsageError

out_option = click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("model.onnx"),
    show_default=True,
    help="The model file to write.",
)


def check_out(out: Path, may_be_there: bool = False) -> None:
    """Make sure that a name is one of a model file, and that of none which nobody has named.

    may_be_there: whether it may be one without -o, too.

    Raises:
        UsageError: it is not.
    """
    if out.suffix.lower() != ".onnx":
        raise UsageError(f"{out} must end in .onnx")
    source = click.get_current_context().get_parameter_source("out")
    if source is ParameterSource.DEFAULT and out.exists() and not may_be_there:
        raise UsageError(f"{out} is there already; name a file with -o")
