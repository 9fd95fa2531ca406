"""The shipped model finds the Pokémon of the sample clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent.parent
CLIP = ROOT / "samples/pokemon.mp4"
SHORT_SIDE_PX = 16
IOU = 0.5
RECALL = 0.97
RECALL_AT_640_PX = 0.98
PRECISION = 0.98

Line = dict[str, Any]
# each true box with whether it was found; of each detection whether it is right
Met = tuple[list[tuple[Line, bool]], list[bool]]


def lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def iou(a: list[float], b: list[float]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return both / (sum(areas) - both)


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Met:
    return located(tmp_path_factory.mktemp("recall") / "r.jsonl")


@pytest.fixture(scope="module")
def met_at_640_px(tmp_path_factory: pytest.TempPathFactory) -> Met:
    return located(tmp_path_factory.mktemp("recall") / "r.jsonl", "--input-size", "640")


def located(records: Path, *options: str) -> Met:
    from click.testing import CliRunner

    from rtloc.commands.video import command

    arguments = [str(CLIP), "--no-video", "--records", str(records), *options]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    truths, right = [], []
    for truth, found in zip(lines(CLIP.with_suffix(".jsonl")), lines(records), strict=True):
        assert truth["index"] == found["index"]
        for one in truth["objects"]:
            x1, y1, x2, y2 = one["box"]
            if min(x2 - x1, y2 - y1) >= SHORT_SIDE_PX:
                truths.append((one, any(meets(d, one) for d in found["detections"])))
        right += [any(meets(d, one) for one in truth["objects"]) for d in found["detections"]]
    return truths, right


def meets(detection: Line, truth: Line) -> bool:
    return detection["label"] == truth["label"] and iou(detection["box"], truth["box"]) >= IOU


def test_it_finds_them(met: Met) -> None:
    found = [was_found for _, was_found in met[0]]
    assert len(found) > 600
    assert np.mean(found) >= RECALL


def test_it_finds_each_of_them(met: Met) -> None:
    for label in ("Bulbasaur", "Charmander", "Squirtle"):
        found = [was_found for one, was_found in met[0] if one["label"] == label]
        assert np.mean(found) >= RECALL - 0.05, label


def test_it_finds_nothing_else(met: Met) -> None:
    assert np.mean(met[1]) >= PRECISION


def test_with_a_larger_input_it_finds_more_of_them(met_at_640_px: Met) -> None:
    found = [was_found for _, was_found in met_at_640_px[0]]
    assert np.mean(found) >= RECALL_AT_640_PX
    assert np.mean(met_at_640_px[1]) >= PRECISION
