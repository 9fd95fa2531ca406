"""`rtloc verify`: make sure that a model answers the same on another backend or in another form."""

from typing import Any

import click
import cv2

from engines.backends import BACKENDS, open_backend, read_model
from engines.engine_file import SUFFIX
from engines.errors import EngineError
from engines.model_file import ModelInfo, resolve_model
from rtloc.commands.eval_run import shown
from rtloc.commands.options import with_options
from rtloc.commands.synth_options import GENERATED_OPTIONS, chosen_folders, generated_data
from rtloc.errors import UsageError
from rtloc.localizer import DEFAULT_MODEL
from train.errors import TrainError
from train.evaluate import locate_all
from train.matching import Found, Truth, truth_of
from train.parity import Parity, parity
from train.samples import Sample

BACKEND = click.Choice(["auto", *BACKENDS])


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--reference", help="The model that is right.  [default: MODEL itself]")
@click.option("--backend", type=BACKEND, default="auto", show_default=True, help="For MODEL.")
@click.option(
    "--reference-backend",
    type=BACKEND,
    default="onnxruntime",
    show_default=True,
    help="For the reference.",
)
@click.option("--count", type=click.IntRange(1), default=500, show_default=True, help="Pictures.")
@with_options(*GENERATED_OPTIONS)
def command(
    model: str,
    reference: str | None,
    backend: str,
    reference_backend: str,
    count: int,
    **folders: Any,
) -> None:
    """Say whether MODEL answers as a reference does; exit code 1 if not.

    Both answer generated pictures over photos that were never trained on. Their mAP@50:95, boxes
    and scores must lie close together; of a model in 8 bits, whose single boxes and scores differ
    more, the mAP and the boxes at the median. --cutouts names those of a model of your own.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # our own errors say it
    made_of = chosen_folders(**folders)
    info = read_model(resolve_model(model))
    if reference is None and info.path.suffix == SUFFIX:
        raise UsageError(f"name the model file that {model} was made of: --reference MODEL.onnx")
    right = read_model(resolve_model(reference or model))
    if right.labels != info.labels or right.input_size != info.input_size:
        raise EngineError(
            f"{reference} has other labels or another input than {model}; name one of its own forms"
        )
    data = generated_data(info, info.stage, made_of)
    samples = [data.held_out.make(n) for n in shown(range(count), count, "making pictures")]
    ours, name = answers(info, backend, samples)
    theirs, right_name = answers(right, reference_backend, samples)
    truths: list[Sample | Truth] = [truth_of(sample) for sample in samples]
    found = parity(truths, (ours, theirs), info.labels, right.threshold)
    click.echo(f"{model} ({info.precision}) on {name}, against ", nl=False)
    click.echo(f"{reference or model} ({right.precision}) on {right_name}")
    click.echo(report(found, right.threshold))
    in_8_bits = "int8" in (info.precision, right.precision)
    if faults := found.faults(in_8_bits):
        raise TrainError("not alike: " + "; ".join(faults))
    click.echo("pass: they answer alike" + (", in all, as 8 bits can" if in_8_bits else ""))


def answers(info: ModelInfo, backend: str, samples: list[Sample]) -> tuple[list[Found], str]:
    """Run a model over all pictures; return what it found, and the backend's name."""
    engine, _ = open_backend(info, backend)
    try:
        images = (s.image for s in shown(samples, len(samples), f"locating ({engine.name})"))
        return locate_all(engine.infer, images), engine.name
    finally:
        engine.close()


def report(found: Parity, threshold: float) -> str:
    """Lay out how far both answers lie apart."""
    return "\n".join(
        [
            f"{found.pictures} pictures, {found.matched} objects from the score {threshold:g} on",
            f"{'mAP@50:95':<12}{found.map50_95[0]:.4f} and {found.map50_95[1]:.4f}",
            f"{'boxes':<12}{found.median_px:.4f} px apart at the median, "
            f"{found.worst_px:.3f} px at the worst",
            f"{'scores':<12}{found.worst_score:.4f} apart at the worst",
            f"{'missed':<12}{found.missed}",
        ]
    )
