"""Several processes learn as one that sees all their pictures."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from train.checkpoint import load_checkpoint
from train.errors import TrainError
from train.recipe import recipe_of
from train.team import join_team
from train.trained import shape_of
from train.trainer import Trainer

OPTIONS = [
    *("--stage=white-box", "--size=128", "--steps=6", "--batch-size=8"),
    *("--depths", "2", "0", "3"),  # each layer more makes differences of rounding larger
    *("--precision=fp32", "--held-out=8", "--workers=0"),
]


ROUNDED = 0.3  # of how far weights have moved; with half of the pictures most are 0.9 apart
# it learns through the second look alone, which begins with zeros, so rounding turns it further;
# with half of the pictures it is 1.1 apart
TURNED, ROUNDED_FURTHER = "look.0.weight", 0.6

HARD = [
    *("--stage=multi-class", "--steps=3", "--hard-part=0.25"),
    *("--no-distractors", "--negatives=1"),
]


def train(folder: Path, options: list[str], *launcher: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *launcher, "rtloc", "train", *options, "-o", folder.name + ".onnx"],
        cwd=folder.parent,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def assert_alike(alone: dict[str, Any] | None, shared: dict[str, Any] | None) -> None:
    """Make sure that the same hard pictures are kept; rounding may swap two that are as hard."""
    if alone is None or shared is None:
        assert alone is shared
        return
    assert alone["searched"] == shared["searched"]
    for one, other in zip(alone["kept"], shared["kept"], strict=True):
        ranks = {index: rank for rank, index in enumerate(other)}
        assert ranks.keys() == set(one)
        assert all(abs(ranks[index] - rank) <= 1 for rank, index in enumerate(one))


@pytest.mark.parametrize(("more", "steps"), [([], 6), (HARD, 3)], ids=["plain", "hard"])
def test_two_processes_reach_the_weights_of_one_with_twice_the_batch(
    tmp_path: Path, more: list[str], steps: int
) -> None:
    options = [*OPTIONS, *more]
    one = train(tmp_path / "one", options)
    assert one.returncode == 0, one.stderr
    two = train(tmp_path / "two", options, "torch.distributed.run", "--nproc-per-node", "2", "-m")
    assert two.returncode == 0, two.stderr
    alone, shared = (
        load_checkpoint(tmp_path / "runs" / name / "last.pt") for name in ("one", "two")
    )
    assert alone["step"] == shared["step"] == steps
    assert_alike(alone["hard"], shared["hard"])
    start = Trainer(recipe_of(alone), shape_of(alone), alone["labels"]).network.state_dict()
    # sums over halves of a batch are rounded in another order, and steps are as long for small ones
    for name, weights in alone["network"].items():
        apart = (weights.float() - shared["network"][name].float()).abs()
        if "running" in name:  # of pictures of 0 to 255, so near in proportion only
            variance = alone["network"][name.replace("running_mean", "running_var")]
            near = 0.03 * (variance if name.endswith("running_var") else variance.sqrt())
            assert (apart <= near).all(), name
        else:
            moved = (weights.float() - start[name].float()).norm()
            part = ROUNDED_FURTHER if name == TURNED else ROUNDED
            assert apart.norm() <= part * moved, name


def test_a_batch_that_cannot_be_shared_evenly_is_refused(tmp_path: Path) -> None:
    odd = [o if "batch" not in o else "--batch-size=7" for o in OPTIONS]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("-m", "rtloc", "train", *odd),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode != 0
    assert "a batch of 7 cannot be shared by 2 processes" in done.stderr


@pytest.mark.parametrize(("size", "more"), [("2", {}), ("2", {"RANK": "0"}), ("many", {})])
def test_a_team_that_nobody_has_started_is_one_line(
    monkeypatch: pytest.MonkeyPatch, size: str, more: dict[str, str]
) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"WORLD_SIZE": size, **more}.items():
        monkeypatch.setenv(name, value)
    told = f"WORLD_SIZE is {size} in the env.* start with torchrun"
    with pytest.raises(TrainError, match=told), join_team():
        pass
