"""Begin a network with what another one has learnt."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from train.batches import GeneratedBatches
from train.checkpoint import load_checkpoint
from train.errors import TrainError
from train.model_weights import (
    apart,
    check_head,
    normed_convolutions,
    of_another_network,
    read_weights,
    set_apart,
)
from train.network import FIRST_CLASS
from train.samples import Maker

MODEL_FILE = ".onnx"
CLASS_LAYERS = "cells."  # their outputs: five numbers of any object, then one per class
GROWING = ("stage8.", "stage16.", "stage32.")  # layers that may be more
STATISTICS_OF, ALIKE = 8, 8  # batches of training pictures, and pictures of each


def begin_with(network: nn.Module, labels: Sequence[str], source: Path, maker: Maker) -> None:
    """Load the averaged weights of a checkpoint, or those of a float32 model file.

    `network` may know other classes. A class that both know by its label begins with what is known
    of it; another one begins as the network has it, with all that is known of objects in general.
    Where it is deeper than a checkpoint's, its further layers begin by changing nothing.
    maker: of the pictures to train on; layers without statistics take them from some.

    Raises:
        TrainError: the file cannot be read, or is of another network.
    """
    is_model = source.suffix.lower() == MODEL_FILE
    if is_model:
        their_labels, known = read_weights(source, network)
    else:
        state = load_checkpoint(source)
        check_head(source, state["recipe"].get("head", "dense"), network)
        their_labels, known = state["labels"], state["averaged"]
    mine = network.state_dict()
    further = [
        (name, norm)
        for name, norm in normed_convolutions(network)
        if name.startswith(GROWING) and f"{name}.0.weight" not in known
    ]
    try:
        begun = {
            name: class_rows(weights, mine[name], their_labels, labels)
            if name.startswith(CLASS_LAYERS) and name in mine
            else weights
            for name, weights in known.items()
        }
        for name, norm in further:
            begun |= passing_on(name, norm, mine[f"{name}.0.weight"])
        network.load_state_dict(begun)
    except RuntimeError as error:
        raise TrainError(of_another_network(source)) from error
    if further or is_model:
        device = next(network.parameters()).device
        pictures = GeneratedBatches(maker, ALIKE)
        # several, since all of a batch have one shape
        set_apart(network, *(pictures[n].frames.to(device) for n in range(STATISTICS_OF)))


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


def passing_on(name: str, norm: nn.BatchNorm2d, like: Tensor) -> dict[str, Tensor]:
    """Return weights of a convolution and its batch norm that pass on what comes in.

    What comes in is never negative, so the ReLU behind them passes it on as well (Net2Net's deeper
    network: https://arxiv.org/abs/1511.05641). like: the convolution's kernel.
    """
    kernel = nn.init.dirac_(torch.empty_like(like))
    return apart(name, norm, kernel, like.new_zeros(len(like)))
