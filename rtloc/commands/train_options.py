"""The options of `rtloc train`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from rtloc.commands.model_out import out_option
from rtloc.commands.options import PICTURE_SIZE, NumberRange, Option
from rtloc.commands.synth_options import distractor_options, mirror_option, variety_option
from train.network import DEPTHS, Depths
from train.recipe import Measuring, Recipe
from train.stages import STAGES

DEFAULTS = Recipe()
MEASURING = Measuring()
STEPS_ON = 3000  # from weights that know much already: a quarter of an hour on two cores
HARD_PART = 0.25  # a tenth as many false alarms as without, benchmarks/ablation.md
HARD_FROM = 1000  # steps
A_PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Asked:
    """What was asked for, as the options of the command say it."""

    out: Path
    run: Path | None
    go_on: bool
    stage: str
    cutouts: Path | None
    backgrounds: Path | None
    distractors: Path | None
    no_distractors: bool
    variety: float | None
    no_mirror: bool
    labelled: Path | None
    labelled_images: Path | None
    labelled_part: float | None
    weights: str | None
    input_size: int | None
    picture_size: int | None
    depths: Depths
    steps: int | None
    batch_size: int | None
    learning_rate: float | None
    giou_weight: float
    plain_loss: bool
    hard_part: float | None
    precision: Literal["auto", "fp32", "bf16"]
    seed: int
    workers: int | None
    validate_every: int
    held_out: int
    negatives: int

    @property
    def own_classes(self) -> bool:
        """Whether the classes are the user's own."""
        return self.cutouts is not None or self.labelled is not None


TRAIN_OPTIONS: tuple[Option, ...] = (
    out_option,
    click.option("--run", type=A_PATH, help="Folder of checkpoints and log.  [default: runs/NAME]"),
    click.option(
        "--resume",
        "go_on",
        is_flag=True,
        help="Go on with the run in the folder of -o or --run; other options are kept.",
    ),
    click.option(
        "--stage",
        type=click.Choice(list(STAGES)),
        default=DEFAULTS.stage,
        show_default=True,
        help="What the pictures show, from the easiest on.",
    ),
    click.option("--cutouts", type=A_PATH, help="A folder per class of PNG, WebP or SVG cut-outs."),
    click.option("--backgrounds", type=A_PATH, help="A folder of photos to paste on, or a video."),
    *distractor_options("Folder of drawings that shall not be found."),
    variety_option(
        "Part of the objects that is bent, that is in other colours, and that is drawn in another "
        "style; 0: they are only turned, tilted, lit and blurred."
    ),
    mirror_option,
    click.option(
        "--labelled", type=A_PATH, help="A labelled set: a COCO .json or a YOLO data.yaml."
    ),
    click.option("--labelled-images", type=A_PATH, help="Folder of a COCO set's pictures."),
    click.option(
        "--labelled-part",
        type=NumberRange(0, 1, min_open=True),
        help="Of the pictures; 1: all are of the labelled set.  [default: 0.5 with --cutouts, else "
        "1]",
    ),
    click.option(
        "--weights",
        help="Checkpoint or model to begin with; none: random weights.  [default: pokemon for "
        "classes of your own where --depths are the usual ones, else none]",
    ),
    click.option(
        "--input-size",
        "--size",
        type=PICTURE_SIZE,
        help="Longer side of the model's input, px, a multiple of 32.  [default: the stage's]",
    ),
    click.option(
        "--picture-size",
        type=PICTURE_SIZE,
        help="Longer side of the pictures to learn from, px; somewhat smaller ones take less time "
        "and do as well.  [default: the stage's part of --input-size]",
    ),
    click.option(
        "--depths",
        type=(click.IntRange(0, 9),) * 3,
        default=DEPTHS,
        show_default=True,
        help="Convolutions after the first one of strides 8, 16 and 32; fewer are faster.",
    ),
    click.option(
        "--steps",
        type=click.IntRange(1),
        help=f"[default: the stage's; from weights {STEPS_ON} at most]",
    ),
    click.option("--batch-size", type=click.IntRange(1), help="[default: the stage's]"),
    click.option(
        "--learning-rate",
        type=NumberRange(0, min_open=True),
        help="[default: the stage's, or half of it from weights]",
    ),
    click.option(
        "--giou-weight",
        type=NumberRange(0),
        default=DEFAULTS.giou_weight,
        show_default=True,
        help="Weight of the boxes' GIoU terms; 0 leaves them out.",
    ),
    click.option(
        "--plain-loss",
        is_flag=True,
        help="Learn from binary cross entropy on box and objectness, cross entropy on the classes, "
        "and nothing else: no GIoU terms, objectness is asked for 1, the second look stays as it "
        "began.",
    ),
    click.option(
        "--hard-part",
        type=NumberRange(0, 0.9),
        help="Part of each batch that is pictures without objects in which the network is surest "
        f"to see one, as many in each process.  [default: {HARD_PART} from weights, with "
        f"{HARD_FROM} steps or more, where there are such pictures; else 0]",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "bf16"]),
        default="auto",
        show_default=True,
        help="Of the network's arithmetic while it learns; auto takes bf16 where it is faster.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**63 - 1),
        default=DEFAULTS.seed,
        show_default=True,
        help="Another one makes other random weights and other pictures.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(0),
        help="Processes that make pictures.  [default: 2; where a GPU trains, all cores but one]",
    ),
    click.option(
        "--validate-every",
        type=click.IntRange(1),
        default=MEASURING.validate_every,
        show_default=True,
        help="Steps after which the weights are measured each time; the best ones are kept.",
    ),
    click.option(
        "--held-out",
        type=click.IntRange(1),
        default=MEASURING.held_out,
        show_default=True,
        help="Pictures to validate on.",
    ),
    click.option(
        "--negatives",
        type=click.IntRange(1),
        default=MEASURING.negatives,
        show_default=True,
        help="Pictures without objects that the threshold is settled on.",
    ),
)
