"""Which optimizer moves which weights, and how the averaged weights follow."""

import pytest
import torch
from torch import nn

from train.heads import Network
from train.network import GridNetwork, NetworkShape
from train.optimizers import move_average, optimizers_of
from train.recipe import Recipe
from train.single import SingleNetwork


def test_the_average_moves_by_what_it_does_not_keep() -> None:
    averaged, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    with torch.no_grad():
        averaged.weight.fill_(0.0)
        network.weight.fill_(1.0)
    network.num_batches_tracked.fill_(5)
    move_average(averaged, network, decay=0.75, step=1_000_000)
    assert averaged.weight.item() == pytest.approx(0.25)
    assert averaged.num_batches_tracked == 5
    move_average(averaged, network, decay=0.75, step=0)  # keeps 1 / 10 only
    assert averaged.weight.item() == pytest.approx(0.1 * 0.25 + 0.9)


@pytest.mark.parametrize("kind", [GridNetwork, SingleNetwork])
def test_hidden_weights_are_muons_and_all_others_adams(kind: type[Network]) -> None:
    network = kind(NetworkShape(3, 64, (8, 8, 8, 8), (0, 0, 0)))
    muon, adam = optimizers_of(network, Recipe(weight_decay=0.1))
    hidden, others = ({id(p) for p in o.param_groups[0]["params"]} for o in (muon, adam))
    assert not hidden & others
    assert hidden | others == {id(p) for p in network.parameters()}
    assert {p.ndim for p in muon.param_groups[0]["params"]} <= {2, 4}
    last = list(network.parameters())[-2]
    assert last.ndim > 1
    assert id(last) in others
    assert [o.param_groups[0]["weight_decay"] for o in (muon, adam)] == [0.1, 0]
    assert muon.defaults["lr"] == pytest.approx(20 * adam.defaults["lr"])
