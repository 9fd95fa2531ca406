"""The single-object localizer's loss, by hand and against torch's, and its targets."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch import distributed as dist

from train.loss import DEFAULT_WEIGHTS, LossParts, LossWeights
from train.samples import Sample
from train.single import OneAnswer, box_logits, box_parts
from train.single_loss import (
    JUDGED,
    PULL,
    box_misses,
    expected_loss,
    judgement,
    learnt_evenly,
    one_answer_loss,
    single_targets,
)
from train.targets import Targets
from train.team import ALONE, Team

SIZE, CLASSES = 128, 3


def sample(*objects: tuple[float, float, float, float, int]) -> Sample:
    return Sample(
        np.zeros((SIZE, SIZE, 3), np.uint8),
        np.array([o[:4] for o in objects], np.float32).reshape(-1, 4),
        np.array([o[4] for o in objects], np.int64),
    )


def mixed_batch(seed: int) -> tuple[Tensor, Targets]:
    """Random logits, and targets with an object in some of the pictures."""
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(int(rng.integers(1, 9))):
        x1, y1 = rng.uniform(0, SIZE - 20, 2)
        x2, y2 = x1 + rng.uniform(10, SIZE - x1), y1 + rng.uniform(10, SIZE - y1)
        there = rng.random() < 0.6
        samples.append(sample((x1, y1, x2, y2, int(rng.integers(CLASSES)))) if there else sample())
    logits = torch.from_numpy(rng.normal(0, 2, (len(samples), 5 + CLASSES)).astype(np.float32))
    return logits, single_targets(samples)


def single_loss(
    logits: Tensor, targets: Targets, size: int, weights: LossWeights = DEFAULT_WEIGHTS
) -> LossParts:
    """Return the loss of one answer a picture, logits [B, 5 + classes]."""
    return expected_loss(logits[:, None], torch.ones_like(logits[:, :1]), targets, size, weights)


def test_the_loss_is_what_is_worked_out_by_hand() -> None:
    # the first holds class 2, its centre in the middle, half as wide and a quarter as high as the
    # picture; the second holds nothing
    targets = single_targets([sample((32, 48, 96, 80, 2)), sample()])
    logits = torch.tensor(
        [
            [
                0,
                log(3),
                -log(3),
                0,
                log(9),
                0,
                0,
                log(2),
            ],  # 1/2, 3/4, 1/4, 1/2, 9/10; 1/4, 1/4, 1/2
            [5, -5, 5, -5, -log(4), 7, 0, 0],  # is there an object: 1/5
        ]
    )
    parts = single_loss(logits, targets, SIZE)
    assert parts.objectness.item() == pytest.approx(-(log(9 / 10) + log(4 / 5)) / 2)
    by_hand = log(2) - (log(3 / 4) + log(1 / 4)) / 2 - (log(1 / 4) + log(3 / 4)) / 2 + log(2)
    assert parts.box.item() == pytest.approx(by_hand / 2)
    assert parts.classes.item() == pytest.approx(log(2) / 2)
    assert parts.giou.item() == 0
    assert parts.total.item() == pytest.approx(0.1642521 + 1.5301354 + 0.3465736)


@pytest.mark.parametrize("seed", range(8))
def test_the_loss_is_that_of_torch_on_probabilities(seed: int) -> None:
    logits, targets = mixed_batch(seed)
    total = 0.0
    for row, owner in zip(logits, targets.owner.flatten().tolist(), strict=True):
        there = torch.tensor(float(owner >= 0))
        total += nn.BCELoss()(row[4].sigmoid(), there).item()
        if owner >= 0:
            parts = box_parts(targets.boxes[owner][None], SIZE)[0]
            total += nn.BCELoss(reduction="sum")(row[:4].sigmoid(), parts).item()
            chance = row[5:].softmax(0).log()
            total += nn.NLLLoss()(chance[None], targets.class_ids[owner][None]).item()
    assert single_loss(logits, targets, SIZE).total.item() == pytest.approx(
        total / len(logits), rel=1e-4
    )


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_only_a_picture_with_an_object_teaches_box_and_class(seed: int) -> None:
    logits, targets = mixed_batch(seed)
    logits.requires_grad_()
    single_loss(logits, targets, SIZE).total.backward()
    there = targets.owner.flatten() >= 0
    taught = logits.grad[:, [0, 1, 2, 3, 5, 6, 7]]
    assert (taught[~there] == 0).all()
    assert (taught[there] != 0).all()
    assert (logits.grad[:, 4] != 0).all()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_no_answer_is_better_than_the_true_one(seed: int) -> None:
    logits, targets = mixed_batch(seed)
    true = torch.zeros_like(logits)
    owner = targets.owner.flatten()
    there = owner >= 0
    true[there, :4] = box_parts(targets.boxes[owner[there]], SIZE).logit(eps=1e-6)
    true[:, 4] = 40 * there.float() - 20
    true[there, 5 + targets.class_ids[owner[there]]] = 20
    best = single_loss(true, targets, SIZE)
    assert best.total <= single_loss(logits, targets, SIZE).total + 1e-5
    assert best.objectness < 1e-6
    assert best.classes < 1e-6


def test_a_weight_of_the_box_counts_it_more() -> None:
    logits, targets = mixed_batch(1)
    once = single_loss(logits, targets, SIZE)
    thrice = single_loss(logits, targets, SIZE, LossWeights(box=3.0))
    assert thrice.total.item() == pytest.approx((once.total + 2 * once.box).item())


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_learnt_evenly_boxes_pull_harder_and_all_else_is_as_it_was(seed: int) -> None:
    logits, targets = mixed_batch(seed)
    there = targets.owner.flatten() >= 0
    plain, even = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    same = learnt_evenly(
        even[:, None], torch.ones(len(logits), 1), box_misses(even[:, None], targets, SIZE)
    )[:, 0]
    assert (same == even).all()
    single_loss(plain, targets, SIZE).total.backward()
    single_loss(same, targets, SIZE).total.backward()
    assert torch.equal(even.grad[:, 4:], plain.grad[:, 4:])
    assert (even.grad[~there] == 0)[:, :4].all()
    assert (even.grad[:, :4].sign() == plain.grad[:, :4].sign()).all()
    pull = even.grad[:, :4].abs().sum().item(), plain.grad[:, :4].abs().sum().item()
    assert pull[0] == pytest.approx(PULL * pull[1], rel=0.1)


@pytest.mark.parametrize("shift", [0.02, 0.05, -0.05])
def test_a_small_box_pulls_as_hard_as_a_large_one_that_is_as_far_off_in_its_sides(
    shift: float,
) -> None:
    boxes = torch.tensor([[54.0, 54, 74, 74], [24, 24, 104, 104]])
    targets = single_targets([sample((54, 54, 74, 74, 0)), sample((24, 24, 104, 104, 0))])
    moves = torch.full((2, 4), shift, requires_grad=True)  # in sides of each object
    said = boxes + moves * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    plain = torch.cat([box_logits(said, SIZE), torch.zeros(2, 1 + CLASSES)], dim=1)
    even = learnt_evenly(
        plain[:, None], torch.ones(2, 1), box_misses(plain[:, None], targets, SIZE)
    )[:, 0]
    pulls = [
        torch.autograd.grad(single_loss(logits, targets, SIZE).box, moves, retain_graph=True)[0]
        for logits in (plain, even)
    ]
    assert pulls[0][0].norm() < 0.5 * pulls[0][1].norm()
    assert pulls[1][0].tolist() == pytest.approx(pulls[1][1].tolist(), rel=0.1)


def test_a_batch_without_objects_has_a_loss_and_a_gradient() -> None:
    logits = torch.zeros(2, 5 + CLASSES, requires_grad=True)
    parts = single_loss(logits, single_targets([sample(), sample()]), SIZE)
    parts.total.backward()
    assert parts.total.item() == pytest.approx(log(2))
    assert torch.isfinite(logits.grad).all()


def test_targets_name_each_pictures_object() -> None:
    targets = single_targets([sample((1, 2, 3, 4, 1)), sample(), sample((5, 6, 7, 9, 0))])
    assert targets.owner.flatten().tolist() == [0, -1, 1]
    assert targets.boxes.tolist() == [[1, 2, 3, 4], [5, 6, 7, 9]]
    assert targets.class_ids.tolist() == [1, 0]
    with pytest.raises(ValueError, match="several objects"):
        single_targets([sample((1, 2, 3, 4, 1), (5, 6, 7, 9, 0))])


def test_the_loss_of_cells_that_agree_is_that_of_one_answer() -> None:
    logits, targets = mixed_batch(3)
    true = torch.zeros(len(logits), 4)
    owner = targets.owner.flatten()
    true[owner >= 0] = targets.boxes[owner[owner >= 0]]
    answers = OneAnswer(logits[:, None].expand(-1, 2, -1), logits[:, None].expand(-1, 7, -1), true)
    both, one = one_answer_loss(answers, targets, SIZE), single_loss(logits, targets, SIZE)
    assert both.total.item() == pytest.approx(2 * one.total.item())
    assert both.box.item() == pytest.approx(2 * one.box.item())


def test_the_loss_to_be_expected_is_worked_out_by_hand() -> None:
    # of two cells one is three times as likely to answer
    share = torch.tensor([[0.75, 0.25]])
    right, wrong = [0, 0, -log(3), -log(3), 5, 0, 0, 9], [3, -3, 3, 3, 5, 9, 0, 0]
    logits = torch.tensor([[right, wrong]], dtype=torch.float32)
    targets = single_targets([sample((48, 48, 80, 80, 2))])
    parts = expected_loss(logits, share, targets, SIZE)
    alone = [single_loss(logits[:, n], targets, SIZE).total.item() for n in (0, 1)]
    assert parts.total.item() == pytest.approx(0.75 * alone[0] + 0.25 * alone[1])


def test_a_cell_that_would_be_right_learns_to_be_surer() -> None:
    true = box_parts(torch.tensor([[48.0, 48, 80, 80]]), SIZE).logit()
    away = box_parts(torch.tensor([[0.0, 0, 20, 100]]), SIZE).logit()
    others = torch.tensor([[0.0, 0, 0, 0]])
    cells = torch.stack([torch.cat([box, others], dim=1) for box in (true, away)], dim=1)
    cells.requires_grad_()
    targets = single_targets([sample((48, 48, 80, 80, 2))])
    answers = OneAnswer(cells[:, :1].detach(), cells, targets.boxes)
    one_answer_loss(answers, targets, SIZE).total.backward()
    surer = -cells.grad[0, :, 4]
    assert surer[0] > surer[1]


@pytest.mark.parametrize(("first", "taught"), [((50.0, 50, 90, 90), True), ((0, 0, 9, 9), False)])
def test_the_second_look_learns_only_from_a_box_that_meets_the_object(
    first: tuple[float, ...], taught: bool
) -> None:
    targets = single_targets([sample((48, 48, 80, 80, 2))])
    looks = torch.zeros(1, 2, 5 + CLASSES, requires_grad=True)
    answers = OneAnswer(looks, looks.detach(), torch.tensor([first]))
    one_answer_loss(answers, targets, SIZE).total.backward()
    assert bool((looks.grad[..., 2:4] != 0).all()) is taught
    assert (looks.grad[..., 4:] != 0).all()


def test_a_judgement_is_nothing_but_tells_who_should_speak() -> None:
    targets = single_targets([sample((48, 48, 80, 80, 2)), sample()])
    boxes = torch.tensor([[48.0, 48, 80, 80], [52, 48, 84, 80], [0, 0, 20, 20], [108, 0, 128, 20]])
    logits = torch.cat([box_logits(boxes, SIZE), torch.zeros(4, 1 + CLASSES)], dim=1)
    sure = torch.zeros(2, 4, requires_grad=True)
    nothing = judgement(sure.softmax(dim=1), box_misses(logits.expand(2, -1, -1), targets, SIZE))
    assert nothing.item() == 0
    nothing.backward()
    surer = -sure.grad[0]
    assert surer[0] > surer[1] > 0 > surer[2]
    assert surer[2].item() == pytest.approx(surer[3].item())  # both are more than a side off
    assert (sure.grad[1] == 0).all()
    # a centre that is off by an eighth of the object's side
    assert (surer[0] - surer[1]).item() == pytest.approx(JUDGED / 8 / 4 / 2)


def eight_pictures() -> tuple[Tensor, list[Sample]]:
    """Logits of one answer each, and samples: six with an object, each of another size."""
    rng = np.random.default_rng(5)
    samples = [sample(), sample()]
    for side in (12, 20, 30, 50, 80, 120):
        x, y = rng.uniform(0, SIZE - side, 2)
        samples.append(sample((x, y, x + side, y + side, 0)))
    return torch.from_numpy(rng.normal(0, 1, (8, 5 + CLASSES)).astype(np.float32)), samples


def gradient(logits: Tensor, samples: list[Sample], team: Team) -> Tensor:
    """Return that of the loss of boxes that are learnt evenly."""
    logits = logits.clone().requires_grad_()
    targets = single_targets(samples)
    even = learnt_evenly(
        logits[:, None],
        torch.ones(len(samples), 1),
        box_misses(logits[:, None], targets, SIZE),
        team,
    )
    single_loss(even[:, 0], targets, SIZE).total.backward()
    assert logits.grad is not None
    return logits.grad


def learn_a_half(rank: int, folder: Path) -> None:
    """Save the gradient of this process's half of the pictures."""
    dist.init_process_group("gloo", f"file://{folder / 'meet'}", rank=rank, world_size=2)
    logits, samples = eight_pictures()
    own = slice(4 * rank, 4 * rank + 4)
    torch.save(gradient(logits[own], samples[own], Team(rank, 2)), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_learn_evenly_as_one_that_sees_all_pictures(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(learn_a_half, (tmp_path,), nprocs=2)
    halves = torch.cat([torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)])
    logits, samples = eight_pictures()
    assert torch.allclose(halves / 2, gradient(logits, samples, ALONE), rtol=1e-4, atol=1e-7)
