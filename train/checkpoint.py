"""Write and read checkpoints: whole or not at all, and never code."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from train.errors import TrainError, cannot_write
from train.whole_file import whole_file

FORMAT = "rtloc-checkpoint-1"
PARTS = {"recipe", "shape", "labels", "figures", "averaged"}  # of every checkpoint
Part = TypeVar("Part")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values), whole or not at all.

    Raises:
        TrainError: the folder is gone, or the disk is full; what was at `path` stays.
    """
    try:
        with whole_file(path) as partial:
            torch.save({"format": FORMAT, **state}, partial)
    except RuntimeError as error:  # torch writes in C++, whose errors are RuntimeErrors
        raise TrainError(cannot_write(path)) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are accepted.

    Raises:
        TrainError: the file is missing, damaged or no checkpoint of rtloc.
    """
    if not path.is_file():
        raise TrainError(f"no checkpoint at {path}; name a file that `rtloc train` wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's guesses at what a damaged file may be
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # reading a damaged pickle raises nearly anything
        raise TrainError(
            f"{path} is damaged or no checkpoint; train again or name another"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT or not state.keys() >= PARTS:
        raise TrainError(f"{path} is no checkpoint of this version of rtloc; train again")
    return state


def rebuilt(kind: Callable[..., Part], state: Mapping[str, Any], part: str) -> Part:
    """Build a part of a checkpoint's state again, of its values by name.

    Raises:
        TrainError: it has other values than `kind` takes.
    """
    try:
        return kind(**state[part])
    except TypeError as error:
        raise TrainError(
            f"the checkpoint has the {part} of another version of rtloc; use that version, or "
            "train again"
        ) from error


def without_training(state: dict[str, Any]) -> dict[str, Any]:
    """Return what of a checkpoint's state is needed to use its network, not to go on training."""
    return {k: v for k, v in state.items() if k not in ("format", "network", "optimizers", "hard")}
