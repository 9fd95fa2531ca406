"""How each stage is trained from nothing to its figure in minutes, one entry each.

The many objects of stage 8 take as long, and only the dense head can find them.
"""

from dataclasses import dataclass, replace
from typing import Literal

from train.recipe import Recipe

HeadName = Literal["dense", "single"]

# stages 1 to 7 know the three that one begins with
STARTERS = ("Bulbasaur", "Charmander", "Squirtle")


@dataclass(frozen=True)
class Plan:
    """What a stage's recipe says beside its name; all else is as `Recipe` has it.

    size: the longer side of the pictures that it is measured on in pixels; labels: the classes it
    knows, None: all.
    """

    size: int
    steps: int
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    picture_part: float = 1.0
    small_part: float = 0.0
    surest_weight: float = 0.0
    plain_loss: bool = False
    labels: tuple[str, ...] | None = STARTERS

    def scaled(self, part: float) -> "Plan":
        """Return the same plan with a part of the steps, one at least."""
        steps, warmup = (max(1, round(part * n)) for n in (self.steps, self.warmup_steps))
        return replace(self, steps=steps, warmup_steps=warmup)

    def recipe(self, stage: str, head: HeadName) -> Recipe:
        """Return the whole recipe."""
        return Recipe(
            stage=stage,
            head=head,
            labels=self.labels,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_steps=self.warmup_steps,
            picture_part=self.picture_part,
            small_part=self.small_part,
            surest_weight=self.surest_weight,
            plain_loss=self.plain_loss,
        )


FULL = Recipe()
PLANS: dict[HeadName, dict[str, Plan]] = {
    "dense": {
        "white-box": Plan(size=128, steps=800),
        "charmander": Plan(size=128, steps=800),
        "any-size": Plan(size=128, steps=1300),
        "transformed": Plan(size=160, steps=1100),
        "real-background": Plan(size=256, steps=6000, small_part=0.5),
        **dict.fromkeys(
            ("maybe-absent", "multi-class"),
            Plan(
                size=512,
                steps=10000,
                batch_size=16,
                picture_part=0.875,
                small_part=0.7,
                surest_weight=3.0,
            ),
        ),
        "many-objects": Plan(
            size=512,
            steps=4000,
            warmup_steps=FULL.warmup_steps,
            picture_part=0.75,
            small_part=0.5,
            labels=None,
        ),
    },
    "single": {
        "white-box": Plan(size=128, steps=800),
        "charmander": Plan(size=128, steps=800),
        "any-size": Plan(size=128, steps=1200),
        "transformed": Plan(size=160, steps=1100),
        "real-background": Plan(size=256, steps=7000, small_part=0.5),
        "maybe-absent": Plan(size=320, steps=11000, picture_part=0.8, small_part=0.6),
        # with the plan above it never learnt the classes (benchmarks/ablation.md)
        "multi-class": Plan(size=256, steps=9500, small_part=0.5),
    },
}


@dataclass(frozen=True)
class Target:
    """The least that a stage's figures should be; None: whatever."""

    mean_iou: float | None = None
    accuracy: float | None = None  # of class and of presence


TARGETS = {
    "white-box": Target(0.97),
    **dict.fromkeys(("charmander", "any-size", "transformed"), Target(0.92)),
    **dict.fromkeys(("real-background", "maybe-absent", "multi-class"), Target(0.88, 0.995)),
    "many-objects": Target(),
}
