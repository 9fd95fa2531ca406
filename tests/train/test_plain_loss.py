"""The plain loss of either head: torch's own cross entropies, and their gradient alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from train.checkpoint import load_checkpoint, save_checkpoint
from train.generator import PictureMaker
from train.heads import HEADS
from train.loss import box_units
from train.network import NetworkShape, cells_of, rows_of
from train.recipe import Recipe, loss_weights
from train.samples import Sample
from train.single import box_parts
from train.targets import Targets
from train.team import ALONE
from train.trainer import Trainer, resume

SIZE, CLASSES = 64, 3
SHAPE = NetworkShape(CLASSES, SIZE, (8, 8, 8, 8), (0, 0, 0))
LABELS = ("Bulbasaur", "Charmander", "Squirtle")
# what a plan or an option may say beside it has no say
PLAIN = Recipe(plain_loss=True, giou_weight=4.0, iou_objectness=True, surest_weight=3.0)


def sample(*objects: tuple[float, float, float, float, int]) -> Sample:
    return Sample(
        np.random.default_rng(len(objects)).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8),
        np.array([o[:4] for o in objects], np.float32).reshape(-1, 4),
        np.array([o[4] for o in objects], np.int64),
    )


SAMPLES = [sample((20, 20, 36, 44, 2)), sample(), sample((4, 1, 60, 60, 1))]
FRAMES = torch.from_numpy(np.stack([s.image for s in SAMPLES]))


def asked(logits: Tensor, true_boxes: Tensor, there: Tensor, ids: Tensor) -> Tensor:
    """Torch's own losses of logits [N, 5 + classes]: of the five, and of the classes."""
    five = nn.BCEWithLogitsLoss(reduction="none")(
        logits[:, :5], torch.cat([true_boxes, there[:, None]], dim=1)
    )
    classes = nn.CrossEntropyLoss(reduction="none")(logits[:, 5:], ids)
    return five[:, 4] + there * (five[:, :4].sum(dim=1) + classes)


def dense_by_torch(network: nn.Module) -> Tensor:
    """The loss of every cell that counts, a cell that speaks."""
    targets: Targets = HEADS["dense"].targets(SAMPLES)
    levels, _ = network(FRAMES)
    cells = cells_of(levels).expand(len(SAMPLES), -1, -1)[targets.counts]
    owner = targets.owner[targets.counts]
    there = (owner >= 0).float()
    loss = asked(
        rows_of(levels)[targets.counts],
        box_units(targets.boxes[owner], cells),  # owner -1 is any, and counts for nothing
        there,
        targets.class_ids[owner],
    )
    return loss.sum() / there.sum()


def single_by_torch(network: nn.Module) -> Tensor:
    """The mean loss of what is said after each look, and of every cell by how likely it speaks."""
    targets: Targets = HEADS["single"].targets(SAMPLES)
    answers = network(FRAMES)
    owner = targets.owner.flatten()
    true = box_parts(targets.boxes[owner], SIZE), (owner >= 0).float(), targets.class_ids[owner]
    looks = [asked(said, *true).mean() for said in answers.looks.unbind(dim=1)]
    by_cell = torch.stack([asked(said, *true) for said in answers.cells.unbind(dim=1)], dim=1)
    share = answers.cells[..., 4].softmax(dim=1)
    return sum(looks) / len(looks) + (share * by_cell).sum(dim=1).mean()


BY_TORCH = {"dense": dense_by_torch, "single": single_by_torch}


def trained_weights(head: str) -> nn.Module:
    """A network whose second look moves boxes, as one does that was trained before."""
    torch.manual_seed(7)
    network = HEADS[head].network(SHAPE).eval()
    nn.init.normal_(network.refinement.weights, std=0.02)
    return network


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    network.zero_grad(set_to_none=True)
    loss.backward()
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad
        for name, p in network.named_parameters()
    }


@pytest.mark.parametrize("head", HEADS)
def test_loss_and_gradient_are_those_of_torchs_own_losses(head: str) -> None:
    network = trained_weights(head)
    targets = HEADS[head].targets(SAMPLES)
    ours = HEADS[head].loss(network, network(FRAMES), targets, loss_weights(PLAIN), ALONE).total
    theirs = BY_TORCH[head](network)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    own, by_torch = gradients(network, ours), gradients(network, theirs)
    for name, gradient in by_torch.items():
        assert torch.allclose(own[name], gradient, rtol=1e-3, atol=1e-5), name
    usual = loss_weights(replace(PLAIN, plain_loss=False))
    other = HEADS[head].loss(network, network(FRAMES), targets, usual, ALONE).total
    moved = gradients(network, other)
    assert not torch.allclose(moved["cells.0.weight"], by_torch["cells.0.weight"], rtol=0.1)


def test_the_dense_heads_second_look_stays_as_it_began() -> None:
    network = trained_weights("dense")
    targets = HEADS["dense"].targets(SAMPLES)
    loss = HEADS["dense"].loss(network, network(FRAMES), targets, loss_weights(PLAIN), ALONE)
    slopes = gradients(network, loss.total)
    assert all((slopes[f"refinement.{name}"] == 0).all() for name in ("weights", "bias"))


@pytest.mark.parametrize("head", HEADS)
def test_a_run_with_the_plain_loss_learns_and_goes_on_with_it(
    head: str, maker: PictureMaker, tmp_path: Path
) -> None:
    recipe = replace(PLAIN, head=head, stage="charmander", steps=40, batch_size=8, warmup_steps=3)
    # how soon the single head learns is chance; from this seed it does in either precision
    trainer = Trainer(replace(recipe, learning_rate=5e-3, seed=2), SHAPE, LABELS)
    losses: list[float] = []
    trainer.train(
        maker,
        [replace(maker, seed=99).make(0)],
        tmp_path,
        lambda now: losses.append(now.loss.total.item()),
        workers=0,
    )
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert resume(tmp_path / "last.pt").recipe.plain_loss


def test_a_checkpoint_from_before_there_was_a_plain_loss_goes_on_without(
    maker: PictureMaker, tmp_path: Path
) -> None:
    trainer = Trainer(replace(PLAIN, steps=1, batch_size=2, plain_loss=False), SHAPE, LABELS)
    trainer.train(maker, [maker.make(0)], tmp_path, lambda now: None, workers=0)
    state = load_checkpoint(tmp_path / "last.pt")
    del state["recipe"]["plain_loss"]
    save_checkpoint(tmp_path / "old.pt", state)
    assert resume(tmp_path / "old.pt").recipe == trainer.recipe
