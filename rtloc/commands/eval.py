"""`rtloc eval`: measure a model on pictures that it was never trained on."""

import json
from dataclasses import asdict
from pathlib import Path

import click
import cv2

from engines.backends import BACKENDS, open_backend
from engines.model_file import read_model_info, resolve_model
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.errors import TrainError
from train.evaluate import Figures, backend_locate, evaluate
from train.stages import STAGES


@click.command()
@click.argument("model", default="pokemon")
@click.option("--stage", type=click.Choice(list(STAGES)), help="[default: the model's own]")
@click.option("--count", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--cutouts", type=click.Path(path_type=Path), default=CUTOUTS)
@click.option("--backgrounds", type=click.Path(path_type=Path), default=PHOTOS)
@click.option("--backend", type=click.Choice(["auto", *BACKENDS]), default="auto")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def command(
    model: str,
    stage: str | None,
    count: int,
    cutouts: Path,
    backgrounds: Path,
    backend: str,
    as_json: bool,
) -> None:
    """Measure MODEL's mAP on generated pictures over held-out photos."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    info = read_model_info(resolve_model(model))
    data = load_data_set(stage or info.stage, cutouts, backgrounds, info.input_size, seed=0)
    if data.labels != info.labels:
        raise TrainError(f"{cutouts} holds {data.labels}, the model knows {info.labels}")
    engine, _ = open_backend(info, backend)
    figures = evaluate(backend_locate(engine), data.held_out_samples(count), info.labels)
    engine.close()
    click.echo(json.dumps(asdict(figures)) if as_json else table(figures, count))


def table(figures: Figures, count: int) -> str:
    """Lay the figures out in lines."""
    per_class = "\n".join(f"  {label:<12} {ap:.3f}" for label, ap in figures.ap50.items())
    return (
        f"{count} pictures over held-out photos\n"
        f"mAP@50       {figures.map50:.3f}\n{per_class}\n"
        f"mAP@50:95    {figures.map50_95:.3f}\n"
        f"best F1 at threshold {figures.threshold:.2f}: "
        f"precision {figures.precision:.3f}, recall {figures.recall:.3f}"
    )
