"""The second look at boxes: what it samples, and how it moves their sides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train.refine import CHANNELS, POINTS, REACH, STRIDE, Refinement, refine_rows

ROWS, COLUMNS = 8, 12


def ramp() -> torch.Tensor:
    """Features that say where they are: x in channel 0 and y in channel 1, in pixels."""
    features = torch.zeros(1, CHANNELS, ROWS, COLUMNS)
    features[0, 0] = (torch.arange(COLUMNS) + 0.5) * STRIDE
    features[0, 1] = ((torch.arange(ROWS) + 0.5) * STRIDE)[:, None]
    return features


def some(batch: int, boxes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random features, and random boxes that lie in the picture."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, CHANNELS, ROWS, COLUMNS, generator=generator)
    corners = torch.rand(batch, boxes, 2, generator=generator) * torch.tensor([60.0, 40.0])
    sides = 4 + 30 * torch.rand(batch, boxes, 2, generator=generator)
    return features, torch.cat([corners, corners + sides], dim=2)


def learnt(seed: int = 0) -> Refinement:
    made = Refinement()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        made.weights.copy_(0.01 * torch.randn(made.weights.shape, generator=generator))
        made.bias.copy_(0.1 * torch.randn(4, generator=generator))
    return made


def test_a_new_one_moves_nothing() -> None:
    features, boxes = some(2, 5)
    for refinement in (Refinement(), Refinement().eval()):
        assert torch.equal(refinement(features, boxes), boxes)


@given(st.floats(40, 56), st.floats(24, 40), st.floats(2, 20), st.floats(2, 12))
def test_the_features_are_taken_at_points_that_span_the_box_and_more(
    x: float, y: float, half_w: float, half_h: float
) -> None:
    box = torch.tensor([[[x - half_w, y - half_h, x + half_w, y + half_h]]])
    seen = Refinement().sampled(ramp(), box).reshape(POINTS, POINTS, CHANNELS)
    along = np.linspace(-REACH, REACH, POINTS)
    assert seen[0, :, 0].numpy() == pytest.approx(x + along * half_w, abs=1e-2)
    assert seen[:, 0, 1].numpy() == pytest.approx(y + along * half_h, abs=1e-2)


def test_beyond_the_picture_its_edge_goes_on() -> None:
    box = torch.tensor([[[-300.0, 8.0, -200.0, 40.0]]])
    seen = Refinement().sampled(ramp(), box).reshape(POINTS, POINTS, CHANNELS)
    assert (seen[..., 0] == STRIDE / 2).all()


def test_a_side_goes_where_a_weight_sends_it() -> None:
    refinement = Refinement()
    with torch.no_grad():
        # the right side moves by a hundredth of the box's width for each pixel of the middle's x
        middle = POINTS * POINTS // 2
        refinement.weights[2, middle * CHANNELS] = 0.01
    moved = refinement(ramp(), torch.tensor([[[20.0, 10.0, 40.0, 50.0]]]))
    assert moved[0, 0].tolist() == pytest.approx([20, 10, 40 + 20 * 0.3, 50], abs=1e-4)


def test_the_exported_form_says_the_same_as_the_one_that_learns() -> None:
    features, boxes = some(3, 7)
    refinement = learnt()
    trained = refinement.train()(features, boxes)
    assert torch.allclose(refinement.eval()(features, boxes), trained, atol=1e-4)
    assert (trained - boxes).abs().max() > 0.5


@given(st.lists(st.integers(0, 3), max_size=12).map(sorted), st.integers(0, 1000))
def test_boxes_of_several_pictures_are_moved_as_one_by_one(whose: list[int], seed: int) -> None:
    features, boxes = some(4, 12, seed)
    rows = boxes[0, : len(whose)]
    pictures = torch.tensor(whose, dtype=torch.int64)
    refinement = learnt(seed).eval()
    moved = refine_rows(refinement, features, rows, pictures)
    assert moved.shape == (len(whose), 4)
    for n, picture in enumerate(whose):
        alone = refinement(features[picture : picture + 1], rows[None, n : n + 1])[0, 0]
        assert torch.allclose(moved[n], alone, atol=1e-3)


def test_it_learns_where_the_sides_of_boxes_are() -> None:
    torch.manual_seed(0)
    refinement = Refinement()
    optimizer = torch.optim.Adam(refinement.parameters(), 1e-2)
    # a bright square in each picture: only the features tell where it ends
    features = torch.zeros(16, CHANNELS, ROWS, COLUMNS)
    true = torch.zeros(16, 1, 4)
    for n in range(16):
        left, right = 2 + n % 4, 7 + n // 4
        features[n, 0, 2:6, left:right] = 1.0
        true[n, 0] = torch.tensor([left, 2, right, 6]) * STRIDE
    rough = torch.tensor([[[24.0, 16.0, 64.0, 48.0]]]).expand(16, 1, 4)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (refinement(features, rough) - true).abs().mean()
        loss.backward()
        optimizer.step()
    assert (rough - true).abs().mean() > 3
    assert loss < 1
