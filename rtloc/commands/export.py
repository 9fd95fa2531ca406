"""`rtloc export`: turn a checkpoint into a model file."""

from pathlib import Path

import click


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("model.onnx"))
def command(checkpoint: Path, out: Path) -> None:
    """Turn CHECKPOINT (best.pt or last.pt of a run) into a self-describing ONNX file."""
    from train.export import export_checkpoint

    figures = export_checkpoint(checkpoint, out)
    click.echo(f"{out}: mAP@50 {figures.map50:.3f}, threshold {figures.threshold:.2f}", err=True)
