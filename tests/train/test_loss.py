"""The loss, against numbers worked out by hand and against torch's own losses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from train.loss import CROSS_ENTROPIES, LossWeights, box_units, detection_loss, iou_and_giou
from train.network import STRIDES, cells_of, decode_boxes
from train.samples import Sample
from train.targets import Targets, make_targets

SIZE, CLASSES = 64, 3
CELLS = cells_of(tuple(torch.zeros(1, 1, SIZE // s, SIZE // s) for s in STRIDES))
USERS_OWN = CROSS_ENTROPIES
PLAIN_WITH_GIOU = LossWeights(giou=1.0, iou_objectness=False)


def targets_of(*pictures: list[tuple[float, float, float, float, int]]) -> Targets:
    samples = [
        Sample(
            np.zeros((SIZE, SIZE, 3), np.uint8),
            np.array([o[:4] for o in objects], np.float32).reshape(-1, 4),
            np.array([o[4] for o in objects], np.int64),
        )
        for objects in pictures
    ]
    return make_targets(samples)


ONE = targets_of([(22, 18, 34, 38, 2)])  # centre (28, 28): the middle of cell (3, 3), alone
SOME = targets_of([(20, 20, 36, 44, 2), (2, 40, 30, 62, 0)], [], [(4, 1, 60, 60, 1)])
SPEAKS = SOME.owner >= 0


def random_logits(batch: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(batch, len(CELLS), 5 + CLASSES, generator=generator)


def units_of(targets: Targets) -> torch.Tensor:
    """What the box sigmoids of the cells that speak should say, in the order of the mask."""
    speaks = targets.owner >= 0
    cells = CELLS[speaks.nonzero()[:, 1]]
    return box_units(targets.boxes[targets.owner[speaks]], cells)


def perfect_logits(targets: Targets, sure: float = 40.0) -> torch.Tensor:
    """Answers that are right: exact boxes, and objectness and class without a doubt."""
    speaks = targets.owner >= 0
    by_cell = torch.zeros(len(speaks), len(CELLS), 5 + CLASSES)
    by_cell[..., 4] = sure * (2.0 * speaks - 1)
    ids = targets.class_ids[targets.owner[speaks]]
    answers = torch.cat(
        [
            units_of(targets).logit(eps=1e-6),
            torch.full((len(ids), 1), sure),
            sure * functional.one_hot(ids, CLASSES),
        ],
        dim=1,
    )
    by_cell[speaks] = answers
    return by_cell


def test_a_network_that_knows_nothing_loses_what_is_worked_out_by_hand() -> None:
    parts = detection_loss(torch.zeros(1, len(CELLS), 5 + CLASSES), CELLS, ONE, USERS_OWN)
    # 64 + 16 + 4 cells less the eight of the ring, ln 2 each, for the one cell that speaks
    assert parts.objectness.item() == pytest.approx(76 * math.log(2))
    assert parts.box.item() == pytest.approx(4 * math.log(2))
    assert parts.classes.item() == pytest.approx(math.log(3))
    assert parts.total.item() == pytest.approx(80 * math.log(2) + math.log(3))


def test_the_parts_are_torchs_own_losses_summed_cell_by_cell() -> None:
    logits = random_logits(3)
    parts = detection_loss(logits, CELLS, SOME, USERS_OWN)
    objectness = box = classes = 0.0
    units = iter(units_of(SOME))
    for n in range(3):
        for place in range(len(CELLS)):
            cell, owner = logits[n, place], SOME.owner[n, place]
            if SOME.counts[n, place]:
                objectness += functional.binary_cross_entropy(
                    cell[4].sigmoid(), (owner >= 0).float()
                ).item()
            if owner >= 0:
                box += functional.binary_cross_entropy(
                    cell[:4].sigmoid(), next(units), reduction="sum"
                ).item()
                classes += functional.cross_entropy(cell[5:], SOME.class_ids[owner]).item()
    count = int(SPEAKS.sum())
    assert count > 5
    assert parts.objectness.item() == pytest.approx(objectness / count, rel=1e-5)
    assert parts.box.item() == pytest.approx(box / count, rel=1e-5)
    assert parts.classes.item() == pytest.approx(classes / count, rel=1e-5)
    assert parts.total.item() == pytest.approx((objectness + box + classes) / count, rel=1e-5)


def test_an_objectness_of_iou_asks_for_half_of_the_boxs_iou_and_a_half() -> None:
    logits = random_logits(3)
    parts = detection_loss(logits, CELLS, SOME)
    found = decode_boxes(logits[SPEAKS][:, :4], CELLS[SPEAKS.nonzero()[:, 1]])
    wanted = torch.zeros(3, len(CELLS))
    wanted[SPEAKS] = 0.5 + iou_and_giou(found, SOME.boxes[SOME.owner[SPEAKS]])[0] / 2
    by_torch = functional.binary_cross_entropy_with_logits(
        logits[..., 4][SOME.counts], wanted[SOME.counts], reduction="sum"
    )
    assert parts.objectness.item() == pytest.approx(by_torch.item() / SPEAKS.sum().item(), rel=1e-5)


def test_a_perfect_answer_loses_only_what_soft_targets_leave() -> None:
    parts = detection_loss(perfect_logits(SOME), CELLS, SOME)
    unit = units_of(SOME).double()
    entropy = functional.binary_cross_entropy(unit, unit, reduction="sum") / SPEAKS.sum()
    assert parts.objectness.item() == pytest.approx(0, abs=1e-2)
    assert parts.classes.item() == pytest.approx(0, abs=1e-6)
    assert parts.giou.item() == pytest.approx(0, abs=1e-4)
    assert parts.box.item() == pytest.approx(entropy.item(), rel=1e-4)


def test_a_perfect_answer_is_a_minimum() -> None:
    best = detection_loss(perfect_logits(SOME, sure=4.0), CELLS, SOME, PLAIN_WITH_GIOU)
    assert detection_loss(random_logits(3), CELLS, SOME, PLAIN_WITH_GIOU).total > best.total
    worse = perfect_logits(SOME, sure=4.0)
    worse[..., :4] += 0.3
    parts = detection_loss(worse, CELLS, SOME, PLAIN_WITH_GIOU)
    assert parts.box > best.box
    assert parts.giou > best.giou
    assert parts.objectness == best.objectness


def test_the_giou_term_is_one_less_giou_of_the_decoded_boxes() -> None:
    logits = random_logits(3)
    plain = detection_loss(logits, CELLS, SOME, USERS_OWN)
    with_giou = detection_loss(logits, CELLS, SOME, LossWeights(giou=2.5, iou_objectness=False))
    boxes = decode_boxes(logits[SPEAKS][:, :4], CELLS[SPEAKS.nonzero()[:, 1]])
    giou = iou_and_giou(boxes, SOME.boxes[SOME.owner[SPEAKS]])[1]
    assert with_giou.giou.item() == pytest.approx((1 - giou).mean().item(), rel=1e-5)
    expected = plain.total + 2.5 * with_giou.giou
    assert with_giou.total.item() == pytest.approx(expected.item(), rel=1e-6)


def test_boxes_that_a_second_look_makes_exact_are_what_objectness_learns() -> None:
    logits = random_logits(3).requires_grad_()
    true = SOME.boxes[SOME.owner[SPEAKS]]
    asked = []

    def look_again(boxes: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        asked.append((boxes, pictures))
        return true

    parts = detection_loss(logits, CELLS, SOME, look_again=look_again)
    plain = detection_loss(logits, CELLS, SOME)
    ((boxes, pictures),) = asked
    assert torch.equal(boxes, decode_boxes(logits[SPEAKS][:, :4], CELLS[SPEAKS.nonzero()[:, 1]]))
    assert not boxes.requires_grad  # the first look does not learn from the second
    assert torch.equal(pictures, SPEAKS.nonzero()[:, 0])
    assert parts.refined.item() == pytest.approx(0, abs=1e-6)
    assert (parts.box, parts.giou, parts.classes) == (plain.box, plain.giou, plain.classes)
    by_torch = functional.binary_cross_entropy_with_logits(
        logits[..., 4][SOME.counts], SPEAKS.float()[SOME.counts], reduction="sum"
    )
    assert parts.objectness.item() == pytest.approx(by_torch.item() / SPEAKS.sum().item(), rel=1e-5)


def test_the_term_of_the_second_look_cubes_iou_and_the_empty_part_of_the_hull() -> None:
    logits = random_logits(3)
    weights = LossWeights(giou=2.5, iou_objectness=False)
    plain = detection_loss(logits, CELLS, SOME, weights)
    parts = detection_loss(logits, CELLS, SOME, weights, look_again=lambda boxes, _: boxes + 3)
    moved = decode_boxes(logits[SPEAKS][:, :4], CELLS[SPEAKS.nonzero()[:, 1]]) + 3
    iou, giou = iou_and_giou(moved, SOME.boxes[SOME.owner[SPEAKS]])
    by_hand = (1 - iou**3 + (iou - giou) ** 3).mean()
    assert parts.refined.item() == pytest.approx(by_hand.item(), rel=1e-5)
    expected = plain.total + 2.5 * 2.5 * parts.refined
    assert parts.total.item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_box_with_its_sides_past_each_other_is_no_better_than_a_wrong_one() -> None:
    true = torch.tensor([[10.0, 10.0, 20.0, 20.0]])
    turned = torch.tensor([[90.0, 80.0, 10.0, 10.0]])
    for box in (turned, turned[:, [2, 1, 0, 3]]):
        iou, giou = iou_and_giou(box, true)
        assert iou.item() == 0
        assert -1 <= giou.item() <= 0


def test_cells_without_an_object_do_not_move_box_and_class() -> None:
    logits = random_logits(3).requires_grad_()
    detection_loss(logits, CELLS, SOME).total.backward()
    assert logits.grad is not None
    slope = logits.grad
    answers = torch.tensor([0, 1, 2, 3, 5, 6, 7])
    assert (slope[~SPEAKS][:, answers] == 0).all()
    assert (slope[SPEAKS][:, answers] != 0).all()


def test_objectness_is_learnt_in_every_cell_that_counts_and_in_no_other() -> None:
    logits = random_logits(3).requires_grad_()
    detection_loss(logits, CELLS, SOME).objectness.backward()
    assert logits.grad is not None
    slope = logits.grad[..., 4]
    assert (slope[SOME.counts] != 0).all()
    assert (slope[~SOME.counts] == 0).all()
    assert (~SOME.counts).any()


def test_the_surest_cells_learn_objectness_once_more() -> None:
    logits = random_logits(3)
    own, silent = [], []  # of each object and of each picture: picture, cell, what it should say
    for picture in range(3):
        by_cell = logits[picture, :, 4]
        for n in SOME.owner[picture].unique().tolist():
            mask = (SOME.owner[picture] == n) & SOME.counts[picture]
            cell = int(by_cell.masked_fill(~mask, -math.inf).argmax())
            (silent if n < 0 else own).append((picture, cell, float(n >= 0)))
    assert len(own) == len(SOME.boxes)
    assert len(silent) == 3
    by_hand = [
        functional.binary_cross_entropy_with_logits(logits[p, c, 4], torch.tensor(goal)).item()
        for p, c, goal in own + silent
    ]
    with_it = replace(USERS_OWN, surest=1.5)
    parts = [detection_loss(logits, CELLS, SOME, weights) for weights in (USERS_OWN, with_it)]
    added = parts[1].objectness - parts[0].objectness
    assert added.item() == pytest.approx(1.5 * sum(by_hand) / 3, rel=1e-4)
    assert (parts[1].total - parts[0].total).item() == pytest.approx(added.item(), rel=1e-4)


def test_pictures_without_objects_give_a_finite_loss() -> None:
    nothing = targets_of([], [])
    logits = random_logits(2).requires_grad_()
    parts = detection_loss(logits, CELLS, nothing)
    parts.total.backward()
    assert parts.box == parts.classes == parts.giou == 0
    assert parts.total == parts.objectness
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_half_precision_logits_are_summed_in_float32() -> None:
    logits = random_logits(3).to(torch.bfloat16)
    parts = detection_loss(logits, CELLS, SOME)
    assert parts.total.dtype == torch.float32
    assert parts.total == detection_loss(logits.float(), CELLS, SOME).total


@pytest.mark.parametrize(
    ("a", "b", "by_hand"),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),  # 2 of 6, nothing else in the hull
        ((0, 0, 1, 1), (2, 0, 3, 1), -1 / 3),  # apart: a third of the hull is theirs to lose
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7 - 2 / 9),
        ((0, 0, 4, 4), (1, 1, 3, 3), 1 / 4),
        ((0, 0, 1, 1), (99, 99, 100, 100), 2 / 10_000 - 1),
    ],
)
def test_giou_is_what_is_worked_out_by_hand(a: tuple, b: tuple, by_hand: float) -> None:
    pair = torch.tensor([a], dtype=torch.float32), torch.tensor([b], dtype=torch.float32)
    assert iou_and_giou(*pair)[1].item() == pytest.approx(by_hand, abs=1e-6)


def boxes() -> st.SearchStrategy[tuple[float, float, float, float]]:
    place, side = st.floats(0, 300, width=32), st.floats(0.5, 300, width=32)
    return st.tuples(place, place, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(boxes(), boxes())
def test_giou_lies_between_minus_1_and_1_and_below_iou(a: tuple, b: tuple) -> None:
    first, second = torch.tensor([[a, b, a], [b, a, a]], dtype=torch.float64)
    there, back, itself = iou_and_giou(first, second)[1].tolist()
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    assert -1 <= there <= both / (sum(areas) - both) + 1e-9
    assert there == pytest.approx(back)
    assert itself == pytest.approx(1)


def test_giou_of_a_box_without_area_has_a_finite_slope() -> None:
    point = torch.tensor([[5.0, 5.0, 5.0, 5.0]], requires_grad=True)
    iou_and_giou(point, torch.tensor([[5.0, 5.0, 5.0, 5.0]]))[1].sum().backward()
    assert torch.isfinite(point.grad).all()
