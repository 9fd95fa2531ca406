"""`rtloc export`: turn a checkpoint into a model file."""

import tempfile
from pathlib import Path
from typing import Literal

import click

from rtloc.commands.model_out import check_out, out_option
from rtloc.commands.options import INPUT_SIZE
from rtloc.files import check_apart
from train.checkpoint import load_checkpoint
from train.export import export_checkpoint, figures_of, prepare_place
from train.resize import resize
from train.settle import settle
from train.training_data import data_of_state


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@out_option
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="fp16 is for GPUs; int8 is the fastest on a CPU, and is made with pictures of the run's "
    "own recipe.",
)
@click.option(
    "--input-size",
    type=INPUT_SIZE,
    metavar="PIXELS",
    help="The longer side of the model's input; its threshold is settled anew, which takes minutes."
    "  [default: that of the run]",
)
def command(
    checkpoint: Path,
    out: Path,
    precision: Literal["fp32", "fp16", "int8"],
    input_size: int | None,
) -> None:
    """Turn CHECKPOINT (best.pt or last.pt of a run) into a self-describing ONNX file.

    With fp16 the same in fp32 is written beside it, as NAME-fp32.onnx where OUT is NAME.onnx or
    NAME-fp16.onnx: what to verify it against.
    """
    check_out(out)
    check_apart(out, checkpoint)
    if precision == "int8":  # to make it takes minutes
        figures_of(load_checkpoint(checkpoint), checkpoint)
    if input_size is None:
        write(checkpoint, out, precision)
        return
    prepare_place(out)
    with tempfile.TemporaryDirectory() as folder:
        resized = Path(folder) / checkpoint.name
        resize(checkpoint, input_size, resized)
        if precision != "int8":
            settle(resized, data_of_state(load_checkpoint(resized)))
        write(resized, out, precision)


def write(checkpoint: Path, out: Path, precision: Literal["fp32", "fp16", "int8"]) -> None:
    """Write the model file, and with fp16 its twin in fp32; with int8 settle its threshold."""
    if precision == "int8":
        from train.quantize import export_quantized

        figures = export_quantized(checkpoint, out)
    else:
        if precision == "fp16":
            twin = f"{out.stem.removesuffix('-fp16')}-fp32{out.suffix}"
            export_checkpoint(checkpoint, out.with_name(twin))
        figures = export_checkpoint(checkpoint, out, precision)
        if not load_checkpoint(checkpoint).get("settled"):
            click.echo(
                "its threshold is one of a run that has not ended, with more false alarms; rtloc "
                "train --resume settles it, and so does --precision int8",
                err=True,
            )
    click.echo(f"{out}: mAP@50 {figures.map50:.3f}, threshold {figures.threshold:.2f}", err=True)
