"""How to train: all that decides a run, and the sizes and learning rates that follow from it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engines.model_file import SMALLEST_SIZE
from train.batches import Beginning
from train.checkpoint import rebuilt
from train.data_set import CUTOUTS, DISTRACTORS, PHOTOS
from train.loss import CROSS_ENTROPIES, LossWeights
from train.negatives import PHOTOS as NEGATIVES
from train.network import LARGEST_STRIDE
from train.places import name_of
from train.stages import VARIETY

SMALL = 2 / 3  # of the size, where a recipe begins with smaller pictures


@dataclass(frozen=True)
class Recipe:
    """How to train; together with the pictures in the two folders, this decides the result."""

    cutouts: str = name_of(CUTOUTS)  # folders are named as in train.places
    photos: str = name_of(PHOTOS)
    distractors: str | None = name_of(DISTRACTORS)
    stage: str = "many-objects"
    labels: tuple[str, ...] | None = None  # which of the folder's classes; None: all
    labelled: str | None = None  # a labelled set, COCO or YOLO
    labelled_images: str | None = None  # the folder of a COCO set's pictures, if not beside it
    labelled_part: float = 0.5  # of the pictures; 1: no others, and no cut-outs or photos
    mirror: bool = True  # half of all objects, where the stage does
    variety: float = VARIETY  # of objects, in the last stage; see train.stages.for_training
    head: Literal["dense", "single"] = "dense"
    weights: str | None = None  # a checkpoint or model file to begin with; None: random weights
    steps: int = 24_000
    picture_part: float = 1.0  # of the model's size: how large pictures are
    small_part: float = 0.0  # of the steps: with pictures of two thirds of that, at first
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    weight_decay: float = 0.01
    plain_loss: bool = False  # the two cross entropies, whatever the next four say
    box_weight: float = 1.0
    giou_weight: float = 4.0
    iou_objectness: bool = True
    surest_weight: float = 0.0
    hard_part: float = 0.0  # of each batch, as near as can be; see train.hard_pictures
    ema_decay: float = 0.998
    clip_norm: float = 10.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: what is faster on the device
    seed: int = 0


@dataclass(frozen=True)
class Measuring:
    """How a run is measured: it decides which weights are kept and their threshold.

    validate_every: steps; held_out: pictures to validate on; negatives: pictures without objects
    that the threshold is settled on.
    """

    validate_every: int = 1000
    held_out: int = 500
    negatives: int = NEGATIVES


def recipe_of(state: Mapping[str, Any]) -> Recipe:
    """Return the recipe in a checkpoint's state.

    Raises:
        TrainError: it is of another version of rtloc.
    """
    return rebuilt(Recipe, state, "recipe")


def loss_weights(recipe: Recipe) -> LossWeights:
    """Return what counts how much in a recipe's loss."""
    if recipe.plain_loss:
        return CROSS_ENTROPIES
    return LossWeights(
        box=recipe.box_weight,
        giou=recipe.giou_weight,
        iou_objectness=recipe.iou_objectness,
        surest=recipe.surest_weight,
    )


def picture_size(recipe: Recipe, size: int) -> int:
    """Return the longer side of a run's pictures in pixels; size: of the model's input.

    Objects look larger to a network that is used on larger pictures than it has learnt from, and it
    finds them the better for it, up to a point (Touvron et al., 2019:
    https://arxiv.org/abs/1906.06423). So the same time of training goes further.
    """
    return size if recipe.picture_part == 1 else in_strides(recipe.picture_part * size)


def beginning_of(recipe: Recipe, size: int) -> Beginning:
    """Return the part of a run that has smaller pictures, as networks are trained progressively.

    From Tan and Le, 2021: https://arxiv.org/abs/2104.00298. size: of the others in pixels.
    """
    return Beginning(in_strides(SMALL * size), round(recipe.small_part * recipe.steps))


def in_strides(size: float) -> int:
    """Return the size nearest to one that all grids divide."""
    return max(SMALLEST_SIZE, round(size / LARGEST_STRIDE) * LARGEST_STRIDE)


def schedule(step: int, recipe: Recipe) -> float:
    """Return the learning rate's factor: linear warm-up, then a cosine down to 1 in 100."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
