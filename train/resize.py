"""Make a checkpoint one for inputs of another size than it was trained for."""

from pathlib import Path

from train.checkpoint import load_checkpoint, save_checkpoint, without_training
from train.errors import TrainError
from train.recipe import picture_size, recipe_of


def resize(checkpoint: Path, size: int, out: Path) -> None:
    """Write a checkpoint for inputs of another size.

    The network stays as it is, and has learnt from pictures as large as before. Figures and
    threshold are still those of the old size, until `train.settle` measures anew.

    size: the longer side in pixels, a multiple of 32.

    Raises:
        TrainError: the checkpoint cannot be read, or is for its own size only.
    """
    state = load_checkpoint(checkpoint)
    recipe = recipe_of(state)
    if recipe.head != "dense":
        raise TrainError(
            f"{checkpoint} has the single head, which is for its own size only; "
            "leave out --input-size"
        )
    learnt_from = picture_size(recipe, state["shape"]["size"])
    state["recipe"]["picture_part"] = learnt_from / size
    state["shape"]["size"] = size
    save_checkpoint(out, without_training(state))
