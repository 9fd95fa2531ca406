"""The two heads that a network can have, and what depends on which one it is.

dense: an answer in each cell of a grid, for any number of objects; single: one answer a picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from train.inference import Localization
from train.loss import LossParts, LossWeights, detection_loss
from train.network import Answers, GridNetwork, NetworkShape, cells_of, rows_of
from train.refine import refine_rows
from train.samples import Sample
from train.single import OneAnswer, SingleLocalization, SingleNetwork
from train.single_loss import one_answer_loss, single_targets
from train.targets import Targets, make_targets
from train.team import Team

Network = GridNetwork | SingleNetwork


@dataclass(frozen=True)
class Head:
    """How a network is built, what it should answer to pictures, and how wrong its logits are.

    loss: of the network, what it answered, targets, the weights and the team.
    """

    network: Callable[[NetworkShape], Network]
    targets: Callable[[Sequence[Sample]], Targets]
    loss: Callable[[Any, Any, Targets, LossWeights, Team], LossParts]


def dense_loss(
    network: GridNetwork, answers: Answers, targets: Targets, weights: LossWeights, team: Team
) -> LossParts:
    """Compute the dense head's loss; it measures boxes in cells, whatever the input's size."""
    levels, features = answers
    look_again = partial(refine_rows, network.refinement, features)
    return detection_loss(
        rows_of(levels), cells_of(levels), targets, weights, team, look_again=look_again
    )


def single_head_loss(
    network: SingleNetwork, answers: OneAnswer, targets: Targets, weights: LossWeights, team: Team
) -> LossParts:
    """Compute the single head's loss; it measures boxes in parts of the input's longer side.

    Each process of a team has as many pictures, so the mean of their means is that of all.
    """
    return one_answer_loss(answers, targets, network.shape.size, weights, team)


HEADS = {
    "dense": Head(GridNetwork, make_targets, dense_loss),
    "single": Head(SingleNetwork, single_targets, single_head_loss),
}


def head_of(network: nn.Module) -> str:
    """Return the name of a network's head; weights of both have the same names and shapes."""
    return "single" if isinstance(network, SingleNetwork) else "dense"


def with_answers_decoded(network: Network) -> nn.Module:
    """Wrap a network so that it answers as the model file's contract says."""
    if isinstance(network, SingleNetwork):
        return SingleLocalization(network)
    return Localization(network)
