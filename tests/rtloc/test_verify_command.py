"""`rtloc verify` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from answering_model import write_answering_model

from engines.engine_file import EngineInfo, write_engine
from train.data_set import HELD_OUT_PHOTOS

QUICK = ("--count", 8, "--no-distractors")


@pytest.mark.parametrize("backend", ["openvino-f32", "onnxruntime"])
def test_backends_in_float32_pass(rtloc, backend: str) -> None:
    done = rtloc("verify", "pokemon-fp32", "--backend", backend, *QUICK)
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.strip().splitlines()
    assert first.startswith(
        f"pokemon-fp32 (fp32) on {backend}, against pokemon-fp32 (fp32) on onnx"
    )
    assert last == "pass: they answer alike"


@pytest.mark.parametrize("more", [(), ("--reference", "pokemon-fp32")])
def test_8_bits_pass_in_all(rtloc, more: tuple[str, ...]) -> None:
    done = rtloc("verify", *more, "--count", 40)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pokemon (int8) on ")
    assert done.stdout.endswith("pass: they answer alike, in all, as 8 bits can\n")


def test_a_form_that_answers_otherwise_fails_with_what_is_apart(fails, tmp_path: Path) -> None:
    moved = [
        write_answering_model(tmp_path / f"{x}.onnx", [((x, 8, 24, 24), 0.9, 0)], ["cat"])
        for x in (8, 12)
    ]
    drawing = np.full((200, 150, 4), 255, np.uint8)
    (tmp_path / "cutouts/cat").mkdir(parents=True)
    assert cv2.imwrite(str(tmp_path / "cutouts/cat/a.png"), drawing)
    said = fails(1, "verify", moved[0], "--reference", moved[1], "--cutouts", "cutouts", *QUICK)
    assert "not alike: " in said
    assert "boxes at the worst, px: 4 apart, and the limit is 2" in said


def test_a_model_of_other_labels_is_refused(fails, tmp_path: Path) -> None:
    cats = write_answering_model(tmp_path / "cats.onnx", [((8, 8, 24, 24), 0.9, 0)], ["cat"])
    said = fails(1, "verify", "pokemon", "--reference", cats)
    assert "has other labels or another input" in said
    said = fails(1, "verify", cats, "--no-distractors")
    assert "does not draw all that the model knows (cat); name its cut-outs' folder" in said


def test_an_engine_is_held_against_the_model_that_it_was_made_of(fails, tmp_path: Path) -> None:
    info = EngineInfo(
        *("ab" * 32, "tensorrt", "10.13.0", "NVIDIA H100", "9.0", "13.0"),
        shapes=((1, 64, 64, 3), (1, 64, 64, 3), (1, 64, 64, 3)),
        options={"batch": 1},
        labels=("cat",),
        input_size=64,
        threshold=0.5,
        stage="many-objects",
        precision="fp16",
    )
    write_engine(tmp_path / "m.engine", info, b"plan")
    said = fails(2, "verify", "m.engine")
    assert "name the model file that m.engine was made of: --reference MODEL.onnx" in said
    assert "has other labels" in fails(1, "verify", "m.engine", "--reference", "pokemon")


def test_a_model_of_ones_own_is_verified_on_ones_own_pictures(rtloc, fails, tmp_path: Path) -> None:
    cats = write_answering_model(tmp_path / "cats.onnx", [((8, 8, 24, 24), 0.9, 0)], ["cat"])
    drawing = np.full((200, 150, 4), 255, np.uint8)
    for place in ("cutouts/cat/a.png", "others/a.png", "others/b.png"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(tmp_path / place), drawing)
    done = rtloc(
        *("verify", cats, "--count", 8, "--cutouts", "cutouts", "--distractors", "others"),
        *("--backgrounds", HELD_OUT_PHOTOS),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{cats} (fp32) on ")
    assert "8 pictures, 8 objects" in done.stdout
    said = fails(1, "verify", cats, "--cutouts", "cutouts", "--distractors", "nowhere")
    assert "no folder of distractors at nowhere" in said
    said = fails(2, "verify", cats, "--distractors", "others", "--no-distractors")
    assert "contradict each other" in said
