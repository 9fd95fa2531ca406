"""Average two runs' weights and settle the threshold: `python -m train.average FIRST SECOND OUT`.

Where the second run went on from the first, the weights between the two are as good as theirs, and
now and then better (Wortsman et al., 2022: https://arxiv.org/abs/2203.05482). The statistics of its
batch norms are not between theirs: they are taken anew (Izmailov et al., 2018:
https://arxiv.org/abs/1803.05407). Only where the runs have hardly moved apart can they be averaged
as well (--keep-statistics).
"""

from pathlib import Path
from typing import Any

import click
from torch import Tensor
from torch.optim.swa_utils import update_bn

from train.batches import GeneratedBatches, batches
from train.checkpoint import load_checkpoint, save_checkpoint, without_training
from train.errors import TrainError
from train.generator import Maker
from train.settle import settle
from train.trainer import Recipe, averaged_network, picture_size, shape_of
from train.training_data import data_of_state

STATISTICS_OF, BATCH = 4096, 32  # training pictures


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
    return {
        **without_training(first),
        "figures": None,  # those of neither hold any more
        "averaged": between,
    }


def with_statistics(
    state: dict[str, Any], maker: Maker, pictures: int = STATISTICS_OF
) -> dict[str, Any]:
    """Return a checkpoint's state with batch norms that know what comes in; maker: of training."""
    network = averaged_network(state)
    source = batches(GeneratedBatches(maker, BATCH), 0, pictures // BATCH, workers=0)
    update_bn((batch.frames for batch in source), network)
    return {**state, "averaged": network.state_dict()}


@click.command()
@click.argument("first", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("second", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--part", type=click.FloatRange(0, 1), default=0.5, show_default=True)
@click.option("--keep-statistics", is_flag=True, help="Average those of batch norms as well.")
def main(first: Path, second: Path, out: Path, part: float, keep_statistics: bool) -> None:
    """Write to OUT the checkpoint FIRST with a part of the weights of SECOND."""
    try:
        state = averaged(load_checkpoint(first), load_checkpoint(second), part)
        data = data_of_state(state)
        if not keep_statistics:
            # of larger pictures they would be others, to which the weights are not used
            size = picture_size(Recipe(**state["recipe"]), shape_of(state).size)
            state = with_statistics(state, data.training.at_size(size))
        out.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(out, state)
        figures = settle(out, data)
    except TrainError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: mAP@50:95 {figures.map50_95:.3f}, threshold {figures.threshold:.2f}")


if __name__ == "__main__":
    main()
