"""What generated pictures are made of, as the options of train, synth, eval and verify say it."""

from dataclasses import dataclass
from pathlib import Path

import click

from engines.model_file import ModelInfo
from rtloc.commands.options import NumberRange, Option
from rtloc.errors import UsageError
from train.data_set import CUTOUTS, DISTRACTORS, PHOTOS, DataSet, load_data_set
from train.errors import TrainError
from train.stages import MANY_OBJECTS, STAGES, VARIETY

A_FOLDER = click.Path(path_type=Path)
USUAL = "[default: those that come with rtloc, without those that are named like a class]"
AS_TRAIN = "As for `rtloc train`."
OWN_CUTOUTS = "name its cut-outs' folder with --cutouts"


def distractor_options(text: str) -> tuple[Option, ...]:
    """Return --distractors and --no-distractors; text: what is in the folder."""
    return (
        click.option("--distractors", type=A_FOLDER, help=f"{text}  {USUAL}"),
        click.option(
            "--no-distractors",
            is_flag=True,
            help="Draw none of those that come with rtloc.",
        ),
    )


def variety_option(text: str) -> Option:
    """Return --variety; text: what it is."""
    return click.option("--variety", type=NumberRange(0, 1), help=f"{text}  [default: {VARIETY}]")


mirror_option = click.option(
    "--no-mirror",
    is_flag=True,
    help="Never show an object as in a mirror: for text, and for what has a left and a right.",
)
GENERATED_OPTIONS: tuple[Option, ...] = (
    click.option("--cutouts", type=A_FOLDER, default=CUTOUTS, help=AS_TRAIN),
    click.option("--backgrounds", type=A_FOLDER, default=PHOTOS, help=AS_TRAIN),
    *distractor_options(AS_TRAIN),
    mirror_option,
)


@dataclass(frozen=True)
class Folders:
    """The folders that pictures are made of, and how.

    distractors: None: there shall be none; mirror: whether objects are mirrored.
    """

    cutouts: Path
    backgrounds: Path
    distractors: Path | None
    mirror: bool


def chosen_distractors(distractors: Path | None, no_distractors: bool) -> Path | None:
    """Return the folder that the options name; None: there shall be none.

    Raises:
        UsageError: they contradict each other.
    """
    if distractors is not None and no_distractors:
        raise UsageError("--distractors and --no-distractors contradict each other; leave one out")
    return None if no_distractors else distractors or DISTRACTORS


def check_needed(
    stage: str,
    cutouts: Path | None,
    backgrounds: Path | None,
    variety: float | None,
    no_mirror: bool,
) -> None:
    """Make sure that a stage's pictures are made of what was given for them.

    Raises:
        UsageError: none would be seen.
    """
    entry = STAGES[stage]
    if cutouts is not None and entry.objects == "white-box":
        raise UsageError(
            f"the stage {stage} has no cut-outs, only white boxes; leave out --cutouts, or choose "
            "another --stage"
        )
    if backgrounds is not None and entry.background == "black":
        raise UsageError(
            f"the stage {stage} pastes on black; leave out --backgrounds, or choose another --stage"
        )
    given = {
        "--variety": variety is not None and entry != MANY_OBJECTS,
        "--no-mirror": no_mirror and not entry.p_flip,
    }
    for option, is_in_vain in given.items():
        if is_in_vain:
            raise UsageError(
                f"the stage {stage} shows its objects as they are; leave out {option}, or choose "
                "another --stage"
            )


def chosen_folders(
    cutouts: Path,
    backgrounds: Path,
    distractors: Path | None,
    no_distractors: bool,
    no_mirror: bool,
) -> Folders:
    """Return the folders that `GENERATED_OPTIONS` name.

    Raises:
        UsageError: the options contradict each other.
    """
    others = chosen_distractors(distractors, no_distractors)
    return Folders(cutouts, backgrounds, others, not no_mirror)


def generated_data(
    info: ModelInfo, stage: str, folders: Folders, remedy: str = OWN_CUTOUTS
) -> DataSet:
    """Load what a stage's pictures of all that a model knows are made of.

    remedy: what to do where the folders show other things.

    Raises:
        TrainError: they do, or cannot be used.
    """
    data = load_data_set(
        stage,
        folders.cutouts,
        folders.backgrounds,
        info.input_size,
        seed=0,
        distractors=folders.distractors,
        labels=info.labels,
        mirror=folders.mirror,
    )
    if data.labels != info.labels:
        raise TrainError(
            f"the stage {stage} does not draw all that the model knows "
            f"({', '.join(info.labels)}); {remedy}"
        )
    return data
