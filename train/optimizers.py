"""Which optimizer moves which weights, and the averaged weights that follow them."""

import torch
from torch import nn

from train.heads import Network
from train.muon import Muon
from train.recipe import Recipe

MUON_RATE = 20.0  # its learning rate, of AdamW's


def optimizers_of(network: Network, recipe: Recipe) -> tuple[Muon, torch.optim.AdamW]:
    """Let Muon move the weights of hidden layers, and AdamW all others.

    As Muon's author advises: biases, batch norms and the layer that answers are no matrices that
    turn one hidden state into the next. Only hidden weights decay.
    """
    answering = {id(p) for p in network.answering.parameters()}
    hidden = [p for p in network.parameters() if p.ndim > 1 and id(p) not in answering]
    others = [p for p in network.parameters() if p.ndim <= 1 or id(p) in answering]
    return (
        Muon(hidden, MUON_RATE * recipe.learning_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(others, recipe.learning_rate, weight_decay=0.0),
    )


@torch.no_grad()
def move_average(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and batch statistics towards the network's.

    Early on the average forgets faster, so that it does not remember the random start.
    """
    keep = min(decay, (1 + step) / (10 + step))
    theirs = network.state_dict()
    for name, value in averaged.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])
