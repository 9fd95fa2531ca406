"""Begin a network with what another one has learnt."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from train.checkpoint import load_checkpoint
from train.errors import TrainError
from train.network import FIRST_CLASS

CLASS_LAYERS = "cells."  # their outputs: five numbers of any object, then one per class


def begin_with(network: nn.Module, labels: Sequence[str], checkpoint: Path) -> None:
    """Load a checkpoint's averaged weights into `network`, which may know other classes.

    A class that both know by its label begins with what is known of it; another one begins as the
    network has it, with all that is known of objects in general.

    Raises:
        TrainError: the checkpoint cannot be read, or is of another network.
    """
    state = load_checkpoint(checkpoint)
    known: dict[str, Tensor] = state["averaged"]
    mine = network.state_dict()
    try:
        begun = {
            name: class_rows(weights, mine[name], state["labels"], labels)
            if name.startswith(CLASS_LAYERS) and name in mine
            else weights
            for name, weights in known.items()
        }
        network.load_state_dict(begun)
    except RuntimeError as error:
        raise TrainError(
            f"{checkpoint} is of another network than the one to train; leave out --weights"
        ) from error


def class_rows(
    theirs: Tensor, mine: Tensor, their_labels: Sequence[str], my_labels: Sequence[str]
) -> Tensor:
    """Return `mine`, [5 + classes, …], with the rows that `theirs` knows: the five, and labels."""
    rows = mine.clone()
    rows[:FIRST_CLASS] = theirs[:FIRST_CLASS]
    for n, label in enumerate(my_labels):
        if label in their_labels:
            rows[FIRST_CLASS + n] = theirs[FIRST_CLASS + list(their_labels).index(label)]
    return rows
