"""The generated pictures that a model is measured on, and the options that say what they show."""

from pathlib import Path

import click

from engines.model_file import ModelInfo
from rtloc.commands.options import Option
from rtloc.commands.train_distractors import distractor_options
from train.data_set import CUTOUTS, PHOTOS, DataSet, load_data_set
from train.errors import TrainError

A_FOLDER = click.Path(path_type=Path)
OWN_CUTOUTS = "name its cut-outs' folder with --cutouts"
AS_TRAIN = "As for `rtloc train`."
GENERATED_OPTIONS: tuple[Option, ...] = (
    click.option("--cutouts", type=A_FOLDER, default=CUTOUTS, help=AS_TRAIN),
    click.option("--backgrounds", type=A_FOLDER, default=PHOTOS, help=AS_TRAIN),
    *distractor_options(AS_TRAIN),
)


def generated_data(
    info: ModelInfo,
    stage: str,
    folders: tuple[Path, Path, Path | None],
    remedy: str = OWN_CUTOUTS,
) -> DataSet:
    """Load what a stage's pictures of all that a model knows are made of.

    folders: of cut-outs, backgrounds and, if there shall be any, distractors; remedy: what to do
    where those show other things.

    Raises:
        TrainError: they do, or cannot be used.
    """
    cutouts, photos, distractors = folders
    size, labels = info.input_size, info.labels
    data = load_data_set(
        stage, cutouts, photos, size, seed=0, distractors=distractors, labels=labels
    )
    if data.labels != labels:
        raise TrainError(
            f"the stage {stage} does not draw all that the model knows ({', '.join(labels)}); "
            f"{remedy}"
        )
    return data
