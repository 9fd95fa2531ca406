"""Average runs' weights and settle the threshold: `python -m train.average CHECKPOINT... OUT`.

Where one run went on from another, or several from the same weights, those between them are as good
as theirs, and now and then better (Wortsman et al., 2022: https://arxiv.org/abs/2203.05482). The
statistics of batch norms are not between theirs: they are taken anew (Izmailov et al., 2018:
https://arxiv.org/abs/1803.05407). Only where the runs have hardly moved apart can they be averaged
as well (--keep-statistics).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from train.batches import GeneratedBatches, batches
from train.checkpoint import load_checkpoint, save_checkpoint, without_training
from train.errors import TrainError
from train.model_weights import normed_convolutions
from train.recipe import picture_size, recipe_of
from train.samples import Maker
from train.settle import settle
from train.trained import averaged_network, shape_of
from train.training_data import data_of_state

STATISTICS_OF, BATCH = 4096, 32  # training pictures
A_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def averaged(states: Sequence[dict[str, Any]], shares: Sequence[float]) -> dict[str, Any]:
    """Return the first checkpoint's state with the weights of all, as much of each as its share.

    Of the averaged networks alone, those to be used; there is nothing left to go on training.

    Raises:
        TrainError: they are of different networks, or of another version of rtloc, or the shares
            come to nothing.
    """
    if any(kind_of(state) != kind_of(states[0]) for state in states):
        raise TrainError("the checkpoints are of different networks; average those of one")
    if sum(shares) <= 0:
        raise TrainError("the shares come to 0; give one checkpoint a share, at least")
    parts = [share / sum(shares) for share in shares]
    network = averaged_network(states[0])
    first = states[0]["averaged"]
    theirs = [first, *(at_scale_of(first, s["averaged"], network) for s in states[1:])]
    return {
        **without_training(states[0]),
        "figures": None,  # those of none hold any more
        "averaged": {
            name: torch.stack([p * one[name] for p, one in zip(parts, theirs, strict=True)]).sum(0)
            if value.dtype.is_floating_point
            else value
            for name, value in theirs[0].items()
        },
    }


def kind_of(state: dict[str, Any]) -> tuple[object, ...]:
    """Return what must be the same of networks whose weights are averaged.

    Both heads' weights have the same names and shapes, and other meanings.
    """
    return state["shape"], state["labels"], recipe_of(state).head


def at_scale_of(
    first: dict[str, Tensor], other: dict[str, Tensor], network: nn.Module
) -> dict[str, Tensor]:
    """Return the other one's weights with the kernels as large as the first one's; nothing changes.

    Batch norms make up for a kernel's scale, which is another one where a run began with a model
    file: as they are, the larger one would be nearly all of an average.
    """
    alike = dict(other)
    for name, norm in normed_convolutions(network):
        kernel, mean, variance = (
            f"{name}.{n}" for n in ("0.weight", "1.running_mean", "1.running_var")
        )
        scale = first[kernel].norm() / other[kernel].norm().clamp(min=1e-6)
        alike[kernel] = other[kernel] * scale
        alike[mean] = other[mean] * scale
        alike[variance] = (other[variance] + norm.eps) * scale**2 - norm.eps
    return alike


def with_statistics(
    state: dict[str, Any], maker: Maker, pictures: int = STATISTICS_OF
) -> dict[str, Any]:
    """Return a checkpoint's state with batch norms that know what comes in; maker: of training."""
    network = averaged_network(state)
    source = batches(GeneratedBatches(maker, BATCH), 0, pictures // BATCH, workers=0)
    update_bn((batch.frames for batch in source), network)
    return {**state, "averaged": network.state_dict()}


@click.command()
@click.argument("checkpoints", type=A_FILE, nargs=-1, required=True)
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--share",
    "shares",
    type=click.FloatRange(0),
    multiple=True,
    help="How much of a checkpoint's weights to take; once for each.  [default: as much of all]",
)
@click.option("--keep-statistics", is_flag=True, help="Average those of batch norms as well.")
def main(
    checkpoints: tuple[Path, ...], out: Path, shares: tuple[float, ...], keep_statistics: bool
) -> None:
    """Write to OUT a checkpoint with the average of the weights of CHECKPOINTS."""
    if shares and len(shares) != len(checkpoints):
        raise click.UsageError(
            f"{len(shares)} shares for {len(checkpoints)} checkpoints; give one for each"
        )
    try:
        states = [load_checkpoint(path) for path in checkpoints]
        state = averaged(states, shares or [1.0] * len(states))
        data = data_of_state(state)
        if not keep_statistics:
            # of larger pictures they would be others, to which the weights are not used
            size = picture_size(recipe_of(state), shape_of(state).size)
            state = with_statistics(state, data.training.at_size(size))
        out.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(out, state)
        figures = settle(out, data)
    except TrainError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: mAP@50:95 {figures.map50_95:.3f}, threshold {figures.threshold:.2f}")


if __name__ == "__main__":
    main()
