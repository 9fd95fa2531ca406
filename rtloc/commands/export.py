"""`rtloc export`: turn a checkpoint into a model file."""

from pathlib import Path

import click


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("model.onnx"))
@click.option(
    "--precision",
    type=click.Choice(["fp32", "int8"]),
    default="fp32",
    show_default=True,
    help="int8 is the fastest on a CPU, and is made with pictures of the run's own recipe.",
)
def command(checkpoint: Path, out: Path, precision: str) -> None:
    """Turn CHECKPOINT (best.pt or last.pt of a run) into a self-describing ONNX file."""
    if precision == "int8":
        from train.quantize import export_quantized

        figures = export_quantized(checkpoint, out)
    else:
        from train.export import export_checkpoint

        figures = export_checkpoint(checkpoint, out)
    click.echo(f"{out}: mAP@50 {figures.map50:.3f}, threshold {figures.threshold:.2f}", err=True)
