"""Use a network that was trained: build it from a checkpoint's state, and locate with it."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engines.backends import RawOutputs
from train.errors import TrainError
from train.evaluate import Infer
from train.heads import HEADS, Network, with_answers_decoded
from train.network import NetworkShape
from train.recipe import recipe_of


def shape_of(state: dict[str, Any]) -> NetworkShape:
    """Return the network's shape from a checkpoint's state."""
    shape = state["shape"]
    return NetworkShape(
        shape["classes"], shape["size"], tuple(shape["widths"]), tuple(shape["depths"])
    )


def averaged_network(state: dict[str, Any]) -> Network:
    """Return the averaged network of a checkpoint's state, the one to be used.

    Raises:
        TrainError: the checkpoint is of another network, or of another version of rtloc.
    """
    network = HEADS[recipe_of(state).head].network(shape_of(state))
    load_weights(network, state["averaged"])
    return network.eval()


def load_weights(network: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Load a network's weights.

    Raises:
        TrainError: they are those of another network.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainError(
            "the checkpoint is of a network that this version of rtloc does not have; train again"
        ) from error


def network_locate(network: Network) -> Infer:
    """Return a function for `evaluate` that answers with a network as an engine would."""
    model = with_answers_decoded(network).eval()
    device = next(network.parameters()).device

    @torch.no_grad()
    def locate(images: NDArray[np.uint8]) -> RawOutputs:
        boxes, scores, class_ids = model(torch.from_numpy(images).to(device))
        return RawOutputs(boxes.cpu().numpy(), scores.cpu().numpy(), class_ids.cpu().numpy())

    return locate
