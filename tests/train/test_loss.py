"""The loss, against numbers worked out by hand and against torch's own losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from train.generator import Sample
from train.loss import detection_loss, giou
from train.network import STRIDE, cell_corners, decode_boxes
from train.targets import Targets, make_targets

GRID, CLASSES = 4, 3
SIZE = GRID * STRIDE


def targets_of(*pictures: list[tuple[float, float, float, float, int]]) -> Targets:
    samples = [
        Sample(
            np.zeros((SIZE, SIZE, 3), np.uint8),
            np.array([o[:4] for o in objects], np.float32).reshape(-1, 4),
            np.array([o[4] for o in objects], np.int64),
        )
        for objects in pictures
    ]
    return make_targets(samples, GRID)


ONE = targets_of([(20, 20, 36, 44, 2)])  # four cells have its box, one holds it
SOME = targets_of([(20, 20, 36, 44, 2), (2, 40, 30, 62, 0)], [], [(40, 1, 60, 30, 1)])


def random_logits(batch: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(batch, 5 + CLASSES, GRID, GRID, generator=generator)


def perfect_logits(targets: Targets, sure: float = 40.0) -> torch.Tensor:
    """Answers that are right: exact boxes, and objectness and class without a doubt."""
    batch = len(targets.box_unit)
    logits = torch.zeros(batch, 5 + CLASSES, GRID, GRID)
    logits[:, :4] = targets.box_unit.logit(eps=1e-6)
    logits[:, 4] = sure * (2 * targets.objectness - 1)
    logits[:, 5:] = sure * functional.one_hot(targets.class_ids, CLASSES).permute(0, 3, 1, 2)
    return logits


def test_a_network_that_knows_nothing_loses_what_is_worked_out_by_hand() -> None:
    parts = detection_loss(torch.zeros(1, 5 + CLASSES, GRID, GRID), ONE)
    # 16 cells less the three near ones that do not hold the centre, ln 2 each, for one object
    assert parts.objectness.item() == pytest.approx(13 * math.log(2))
    assert parts.box.item() == pytest.approx(4 * math.log(2))
    assert parts.classes.item() == pytest.approx(math.log(3))
    assert parts.giou.item() == 0
    assert parts.total.item() == pytest.approx(17 * math.log(2) + math.log(3))


def test_the_parts_are_torchs_own_losses_summed_cell_by_cell() -> None:
    logits = random_logits(3)
    parts = detection_loss(logits, SOME)
    objectness = box = classes = 0.0
    for n in range(3):
        for row in range(GRID):
            for column in range(GRID):
                cell = logits[n, :, row, column]
                if SOME.objectness_counts[n, row, column]:
                    objectness += functional.binary_cross_entropy(
                        cell[4].sigmoid(), SOME.objectness[n, row, column]
                    ).item()
                if SOME.has_box[n, row, column]:
                    box += functional.binary_cross_entropy(
                        cell[:4].sigmoid(), SOME.box_unit[n, :, row, column], reduction="sum"
                    ).item()
                    classes += functional.cross_entropy(
                        cell[5:], SOME.class_ids[n, row, column]
                    ).item()
    objects, cells = 3, int(SOME.has_box.sum())
    assert SOME.objectness.sum() == objects
    assert parts.objectness.item() == pytest.approx(objectness / objects, rel=1e-5)
    assert parts.box.item() == pytest.approx(box / cells, rel=1e-5)
    assert parts.classes.item() == pytest.approx(classes / cells, rel=1e-5)


def test_a_perfect_answer_loses_only_what_soft_targets_leave() -> None:
    parts = detection_loss(perfect_logits(SOME), SOME, giou_weight=1.0)
    unit = SOME.box_unit.permute(0, 2, 3, 1)[SOME.has_box].double()
    entropy = functional.binary_cross_entropy(unit, unit, reduction="sum") / SOME.has_box.sum()
    assert parts.objectness.item() == pytest.approx(0, abs=1e-6)
    assert parts.classes.item() == pytest.approx(0, abs=1e-6)
    assert parts.giou.item() == pytest.approx(0, abs=1e-4)
    assert parts.box.item() == pytest.approx(entropy.item(), rel=1e-4)


def test_a_perfect_answer_is_a_minimum() -> None:
    best = detection_loss(perfect_logits(SOME, sure=4.0), SOME, giou_weight=1.0)
    assert detection_loss(random_logits(3), SOME, 1.0).total > best.total
    worse = perfect_logits(SOME, sure=4.0)
    worse[:, :4] += 0.3
    parts = detection_loss(worse, SOME, giou_weight=1.0)
    assert parts.box > best.box
    assert parts.giou > best.giou
    assert parts.objectness == best.objectness


def test_the_giou_term_is_one_less_giou_of_the_decoded_boxes() -> None:
    logits = random_logits(3)
    plain, with_giou = detection_loss(logits, SOME), detection_loss(logits, SOME, 2.5)
    corners = cell_corners(GRID).expand(3, -1, -1, -1)
    boxes = decode_boxes(logits[:, :4], corners, SIZE).permute(0, 2, 3, 1)[SOME.has_box]
    true = SOME.boxes.permute(0, 2, 3, 1)[SOME.has_box]
    assert with_giou.giou.item() == pytest.approx((1 - giou(boxes, true)).mean().item(), rel=1e-5)
    expected = plain.total + 2.5 * with_giou.giou
    assert with_giou.total.item() == pytest.approx(expected.item(), rel=1e-6)


def test_cells_without_an_object_do_not_move_box_and_class() -> None:
    logits = random_logits(3).requires_grad_()
    detection_loss(logits, SOME, giou_weight=1.0).total.backward()
    slope = logits.grad.permute(0, 2, 3, 1)
    answers = torch.tensor([0, 1, 2, 3, 5, 6, 7])
    assert (slope[~SOME.has_box][:, answers] == 0).all()
    assert (slope[SOME.has_box][:, answers] != 0).all()


def test_objectness_is_learnt_in_every_cell_that_counts_and_in_no_other() -> None:
    logits = random_logits(3).requires_grad_()
    detection_loss(logits, SOME).total.backward()
    slope = logits.grad[:, 4]
    assert (slope[SOME.objectness_counts] != 0).all()
    assert (slope[~SOME.objectness_counts] == 0).all()
    assert (~SOME.objectness_counts).any()


def test_pictures_without_objects_give_a_finite_loss() -> None:
    nothing = targets_of([], [])
    logits = random_logits(2).requires_grad_()
    parts = detection_loss(logits, nothing, giou_weight=1.0)
    parts.total.backward()
    assert parts.box == parts.classes == parts.giou == 0
    assert parts.total == parts.objectness
    assert torch.isfinite(logits.grad).all()


def test_half_precision_logits_are_summed_in_float32() -> None:
    logits = random_logits(3).to(torch.bfloat16)
    parts = detection_loss(logits, SOME, giou_weight=1.0)
    assert parts.total.dtype == torch.float32
    assert parts.total == detection_loss(logits.float(), SOME, giou_weight=1.0).total


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
    assert giou(*pair).item() == pytest.approx(by_hand, abs=1e-6)


def boxes() -> st.SearchStrategy[tuple[float, float, float, float]]:
    place, side = st.floats(0, 300, width=32), st.floats(0.5, 300, width=32)
    return st.tuples(place, place, side, side).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(boxes(), boxes())
def test_giou_lies_between_minus_1_and_1_and_below_iou(a: tuple, b: tuple) -> None:
    first, second = torch.tensor([[a, b, a], [b, a, a]], dtype=torch.float64)
    there, back, itself = giou(first, second).tolist()
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    assert -1 <= there <= both / (sum(areas) - both) + 1e-9
    assert there == pytest.approx(back)
    assert itself == pytest.approx(1)


def test_giou_of_a_box_without_area_has_a_finite_slope() -> None:
    point = torch.tensor([[5.0, 5.0, 5.0, 5.0]], requires_grad=True)
    giou(point, torch.tensor([[5.0, 5.0, 5.0, 5.0]])).sum().backward()
    assert torch.isfinite(point.grad).all()
