"""Average two runs' weights and settle the threshold: `python -m train.average FIRST SECOND OUT`.

Where the second run went on from the first, the weights between the two are as good as theirs, and
now and then better (Wortsman et al., 2022: https://arxiv.org/abs/2203.05482).
"""

from pathlib import Path
from typing import Any

import click
from torch import Tensor

from train.checkpoint import load_checkpoint, save_checkpoint
from train.errors import TrainError
from train.settle import settle
from train.trainer import Recipe, shape_of
from train.training_data import load_training_data


def averaged(first: dict[str, Any], second: dict[str, Any], part: float) -> dict[str, Any]:
    """Return the state of the first checkpoint with `part` of the second one's weights.

    Of the averaged network alone, the one to be used; there is nothing left to go on training.

    Raises:
        TrainError: the two are of other networks.
    """
    if (first["shape"], first["labels"]) != (second["shape"], second["labels"]):
        raise TrainError("the checkpoints are of different networks; average those of one")
    theirs: dict[str, Tensor] = second["averaged"]
    between = {
        name: value.lerp(theirs[name], part) if value.dtype.is_floating_point else value
        for name, value in first["averaged"].items()
    }
    kept = {k: v for k, v in first.items() if k not in ("format", "network", "optimizers")}
    return {**kept, "figures": None, "averaged": between}  # those of neither hold any more


@click.command()
@click.argument("first", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("second", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--part", type=click.FloatRange(0, 1), default=0.5, show_default=True)
def main(first: Path, second: Path, out: Path, part: float) -> None:
    """Write to OUT the checkpoint FIRST with a part of the weights of SECOND."""
    try:
        state = averaged(load_checkpoint(first), load_checkpoint(second), part)
        out.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(out, state)
        figures = settle(out, load_training_data(Recipe(**state["recipe"]), shape_of(state).size))
    except TrainError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: mAP@50:95 {figures.map50_95:.3f}, threshold {figures.threshold:.2f}")


if __name__ == "__main__":
    main()
