"""Settle a checkpoint for inputs of another size than it was trained for."""

from pathlib import Path

from train.checkpoint import load_checkpoint, save_checkpoint
from train.errors import TrainError
from train.figures import Figures
from train.negatives import DRAWINGS, PHOTOS
from train.settle import SAMPLES, settle
from train.trainer import Recipe, picture_size
from train.training_data import data_of_state


def resettle(
    checkpoint: Path,
    size: int,
    out: Path,
    *,
    samples: int = SAMPLES,
    photos: int = PHOTOS,
    drawings: int = DRAWINGS,
) -> Figures:
    """Write a checkpoint for inputs of another size, with figures and a threshold of its own.

    The network stays as it is, and has learnt from pictures as large as before. Only what is needed
    to use it is kept: there is nothing left to go on training.

    size: the longer side in pixels, a multiple of 32; samples, photos, drawings: as of `settle`.

    Raises:
        TrainError: the checkpoint cannot be read, is for its own size only, or its pictures are not
            there any more.
    """
    state = load_checkpoint(checkpoint)
    recipe = Recipe(**state["recipe"])
    if recipe.head != "dense":
        raise TrainError(
            f"{checkpoint} has the single head, which is for its own size only; "
            "leave out --input-size"
        )
    learnt_from = picture_size(recipe, state["shape"]["size"])
    state["recipe"]["picture_part"] = learnt_from / size
    state["shape"]["size"] = size
    data = data_of_state(state)
    kept = {k: v for k, v in state.items() if k not in ("format", "network", "optimizers")}
    save_checkpoint(out, kept)
    return settle(out, data, samples=samples, photos=photos, drawings=drawings)
