"""The single-object localizer: what it answers, as a network and as a model file."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from engines.backends import open_backend
from engines.errors import InputSizeError
from engines.model_file import at_size, read_model_info
from train.export import Description, export_onnx
from train.network import NetworkShape
from train.refine import CHANNELS
from train.samples import Sample
from train.single import (
    LOOKS,
    OneAnswer,
    SingleLocalization,
    SingleNetwork,
    box_parts,
    decode_parts,
)
from train.single_loss import one_answer_loss, single_targets

SIZE, CLASSES = 128, 3
SMALL = NetworkShape(CLASSES, SIZE, widths=(4, 8, 8, 8), depths=(0, 0, 0))


@given(corners=st.lists(st.floats(0, SIZE, width=32), min_size=4, max_size=4))
def test_a_box_told_in_parts_of_the_picture_comes_back(corners: list[float]) -> None:
    (x1, x2), (y1, y2) = sorted(corners[:2]), sorted(corners[2:])
    box = torch.tensor([[x1, y1, x2, y2]])
    parts = box_parts(box, SIZE)
    assert ((parts >= 0) & (parts <= 1)).all()
    assert torch.allclose(decode_parts(parts, SIZE), box, atol=1e-3)


class Answers(nn.Module):
    """Answers with given logits, whatever it sees."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.shape = SMALL

    def forward(self, frames: Tensor) -> OneAnswer:
        answers = self.logits.expand(len(frames), 1, -1)
        return OneAnswer(answers, answers, torch.zeros(len(frames), 4))


def test_an_answer_is_decoded_as_an_engine_gives_it() -> None:
    parts = box_parts(torch.tensor([[10.0, 20.0, 50.0, 100.0]]), SIZE)
    others = torch.tensor([[log(4), 0.0, log(6), 0.0]])  # 4/5; 1/8, 6/8, 1/8
    model = SingleLocalization(Answers(torch.cat([parts.logit(), others], dim=1)))
    boxes, scores, class_ids = model(torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8))
    assert torch.allclose(boxes, torch.tensor([10.0, 20, 50, 100]).expand(2, 1, 4), atol=1e-3)
    assert torch.allclose(scores, torch.full((2, 1), 0.8 * 0.75))
    assert class_ids.tolist() == [[1], [1]]


def test_a_wide_picture_is_answered_in_parts_of_its_longer_side() -> None:
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (2, 64, SIZE, 3), dtype=torch.uint8)
    answers = SingleNetwork(SMALL)(frames)
    looks, cells, first_look = answers
    assert first_look.shape == (2, 4)
    assert looks.shape == (2, LOOKS, 5 + CLASSES)
    assert answers.answer.shape == (2, 5 + CLASSES)
    assert cells.shape == (2, 8 * 16 + 4 * 8 + 2 * 4, 5 + CLASSES)


def test_the_surest_cell_answers() -> None:
    torch.manual_seed(0)
    network = SingleNetwork(SMALL).eval()  # a new second look moves nothing
    frames = torch.randint(0, 256, (5, SIZE, SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        looks, cells, _ = network(frames)
    for each, several in zip(looks, cells, strict=True):
        assert torch.allclose(each, several[several[:, 4].argmax()].expand(LOOKS, -1), atol=1e-4)


def test_each_look_moves_the_box_that_the_one_before_has_moved() -> None:
    torch.manual_seed(0)
    network = SingleNetwork(SMALL).eval()
    frames = torch.randint(0, 256, (5, SIZE, SIZE, 3), dtype=torch.uint8)
    with torch.no_grad():
        network.refinement.bias += torch.tensor([0.1, 0.0, 0.0, -0.1])  # of the sides of the box
        looks, _, box = network(frames)
        for n in range(LOOKS):
            box = network.refinement(torch.zeros(5, CHANNELS, 16, 16), box[:, None])[:, 0]
            parts = box_parts(box, SIZE)
            assert torch.allclose(looks[:, n, :4].sigmoid(), parts, atol=1e-3)


@pytest.mark.parametrize(
    ("backend", "apart_px"), [("onnxruntime", 0.05), ("openvino-f32", 0.05), ("openvino", 1.5)]
)
def test_an_exported_network_answers_alike_on_every_engine(
    backend: str, apart_px: float, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = SingleNetwork(SMALL).eval()
    path = tmp_path / "single.onnx"
    export_onnx(network, Description(("a", "b", "c"), 0.5, "charmander", {}), path)
    info = read_model_info(path)
    with pytest.raises(InputSizeError, match="pixels only"):
        at_size(info, 2 * SIZE)
    engine, _ = open_backend(info, backend)
    for height, width in ((SIZE, SIZE), (96, SIZE), (SIZE, 64)):
        frames = np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.uint8)
        answer = engine.infer(frames)
        with torch.no_grad():
            boxes, scores, class_ids = SingleLocalization(network)(torch.from_numpy(frames))
        # on some processors OpenVINO computes in bfloat16
        assert np.allclose(answer.boxes, boxes, atol=apart_px)
        assert np.allclose(answer.scores, scores, atol=0.02 * apart_px)
        assert np.array_equal(answer.class_ids, class_ids)
    engine.close()


def test_it_learns_where_a_few_boxes_are() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(8):
        x, y = (int(v) for v in rng.integers(0, SIZE - 40, 2))
        image = np.zeros((SIZE, SIZE, 3), np.uint8)
        image[y : y + 40, x : x + 40] = 255
        true = np.array([[x, y, x + 40, y + 40]], np.float32)
        samples.append(Sample(image, true, np.zeros(1, np.int64)))
    frames = torch.from_numpy(np.stack([s.image for s in samples]))
    targets = single_targets(samples)
    network = SingleNetwork(SMALL)
    steps = 400
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / 100) * (1 - step / steps)
    )
    for _ in range(steps):
        loss = one_answer_loss(network(frames), targets, SIZE).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    found = decode_parts(network(frames).answer[:, :4].sigmoid(), SIZE)
    assert (found - targets.boxes).abs().max() < 4
