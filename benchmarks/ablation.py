"""Train the shipped recipe for a short while, each time with one thing changed, and compare.

    python benchmarks/ablation.py --work out/ablation

All start from the same random weights where the change lets them, see the same pictures, and are
measured on the same ones over photos and distractors that none was trained with. A short run says
which choice learns faster, not where a long one ends. A variation that is finished is not trained
again; remove its folder in `--work` to repeat it.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import report

from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.evaluate import evaluate
from train.network import NetworkShape
from train.recipe import Recipe
from train.trained import network_locate
from train.trainer import Progress, Trainer

MEASURED_ON = 500


@dataclass(frozen=True)
class Variation:
    """What is changed of the recipe, and of the network's shape."""

    recipe: dict[str, Any] = field(default_factory=dict)
    shape: dict[str, Any] = field(default_factory=dict)


VARIATIONS = {
    "as shipped": Variation(),
    "GIoU weight 2": Variation({"giou_weight": 2.0}),
    "GIoU weight 8": Variation({"giou_weight": 8.0}),
    "no GIoU": Variation({"giou_weight": 0.0}),
    "objectness 1 instead of the IoU": Variation({"iou_objectness": False}),
    "the cross entropies alone": Variation({"plain_loss": True}),
    "learning rate halved": Variation({"learning_rate": 1e-3}),
    "learning rate doubled": Variation({"learning_rate": 4e-3}),
    "batches of 16, twice the steps": Variation({"batch_size": 16}),
    "two dilated convolutions less": Variation(shape={"depths": (3, 2, 3)}),
    "one less at stride 8": Variation(shape={"depths": (2, 2, 5)}),
    "none at stride 16": Variation(shape={"depths": (3, 0, 5)}),
    "all three": Variation(shape={"depths": (2, 0, 3)}),
    "24 channels at stride 4": Variation(shape={"widths": (24, 48, 64, 128)}),
    "96 channels at stride 16": Variation(shape={"widths": (32, 48, 96, 128)}),
    "twice the width at stride 32": Variation(shape={"widths": (32, 48, 64, 256)}),
}


@click.command()
@click.option("--work", required=True, type=click.Path(path_type=Path), help="For what is made.")
@click.option("--steps", default=1500, show_default=True)
@click.option("--size", default=256, show_default=True, help="Longer side of the pictures, px.")
@click.option("--only", multiple=True, type=click.Choice(list(VARIATIONS)), help="Repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(work: Path, steps: int, size: int, only: tuple[str, ...], out: Path | None) -> None:
    """Train each variation, and print the table."""
    before = report.machine()
    rows = []
    for name in only or VARIATIONS:
        done = trained(work / name.replace(" ", "_").replace(":", ""), name, steps, size)
        quality = [f"{done[key]:.3f}" for key in ("map50", "map50_95", "small", "medium", "large")]
        rows.append([name, *quality, f"{done['parameters'] / 1e6:.2f}", f"{done['minutes']:.1f}"])
    header = ["", "mAP@50", "mAP@50:95", "small", "medium", "large", "parameters, M", "min"]
    body = (
        f"{report.table(header, rows)}\n\n"
        f"{steps:,} steps of {Recipe().batch_size} pictures of {size} px, stage {Recipe().stage}; "
        f"measured on {MEASURED_ON} pictures; mAP@50:95 by size."
    )
    report.publish("What each choice is worth", before, body, out)


def trained(folder: Path, name: str, steps: int, size: int) -> dict[str, float]:
    """Train a variation, unless it is done; return its figures."""
    answer = folder / "figures.json"
    if answer.exists():
        return json.loads(answer.read_text(encoding="utf-8"))
    variation = VARIATIONS[name]
    data = load_data_set(Recipe().stage, CUTOUTS, PHOTOS, size, seed=0)
    recipe = replace(Recipe(), **variation.recipe)
    # as many pictures for all
    recipe = replace(recipe, steps=steps * Recipe().batch_size // recipe.batch_size)
    shape = replace(NetworkShape(len(data.labels), size), **variation.shape)
    trainer = Trainer(recipe, shape, data.labels)

    def tell(progress: Progress) -> None:
        if progress.step % 100 == 0:
            click.echo(f"{name}: step {progress.step} of {progress.steps}", err=True)

    # what counts is measured below, out of the trainer's time
    few = list(data.held_out_samples(32))
    trainer.train(data.training, few, folder, tell, validate_every=recipe.steps)
    samples = data.held_out_samples(MEASURED_ON)
    figures = evaluate(network_locate(trainer.averaged), samples, data.labels)
    done = figures.numbers() | figures.map50_95_by_size
    done |= {
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
        "minutes": trainer.seconds / 60,
    }
    answer.write_text(json.dumps(done), encoding="utf-8")
    return done


if __name__ == "__main__":
    main()
