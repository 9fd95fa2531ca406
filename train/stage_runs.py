"""Train one stage from nothing and measure it on pictures that it was never trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train.checkpoint import load_checkpoint
from train.errors import TrainError
from train.evaluate import locate_all
from train.figures import Figures
from train.generator import PictureMaker
from train.matching import Found
from train.network import NetworkShape
from train.samples import Sample
from train.settle import settle, settle_by_presence
from train.stage_recipes import STARTERS, HeadName, Plan
from train.stages import STAGES
from train.trained import averaged_network, network_locate
from train.trainer import Progress, Trainer, resume
from train.training_data import generated_data

SINGLE_ABSENT = 0.35
SHOWN = 12  # pictures with what was found in them
VALIDATION = 64  # pictures at the end of the loop; what counts is measured after it


@dataclass(frozen=True, eq=False)
class StageRun:
    """A stage that was trained and measured.

    seconds: of training alone; pictures: how many were seen; samples, found: the first held-out
    pictures, and what was found in them from the threshold on.
    """

    labels: tuple[str, ...]
    figures: Figures
    seconds: float
    pictures: int
    samples: Sequence[Sample]
    found: Sequence[Found]


def run_stage(
    stage: str,
    head: HeadName,
    plan: Plan,
    folder: Path,
    report: Callable[[Progress], None],
    *,
    go_on: bool = False,
    count: int = 1000,
    workers: int = 1,
) -> StageRun:
    """Train a stage in `folder`, and measure it on `count` pictures.

    With `go_on`, training goes on where it was stopped, if it was. Else it begins anew.

    Raises:
        TrainError: what was stopped has another plan.
    """
    recipe = plan.recipe(stage, head)
    data = generated_data(recipe, plan.size)
    trainer = stopped_run(stage, head, plan, folder) if go_on else None
    if trainer is None:
        trainer = Trainer(recipe, shape_for(head, plan.size, data.labels), data.labels)
    trainer.train(
        data.training if head == "dense" else with_absent(data.training),
        list(data.held_out_samples(min(count, VALIDATION))),
        folder,
        report,
        workers=workers,
        validate_every=recipe.steps,
    )
    best = folder / "best.pt"
    if stage == "many-objects":
        figures = settle(best, data, samples=count, photos=3 * count, drawings=count)
    elif STAGES[stage].p_absent:
        figures = settle_by_presence(best, data, count)
    else:
        figures = settle(best, data, samples=count, photos=0)
    samples = list(data.held_out_samples(SHOWN))
    locate = network_locate(averaged_network(load_checkpoint(best)))
    found = [one.above(figures.threshold) for one in locate_all(locate, (s.image for s in samples))]
    pictures = recipe.steps * recipe.batch_size
    return StageRun(data.labels, figures, trainer.seconds, pictures, samples, found)


def with_absent(maker: PictureMaker) -> PictureMaker:
    """Leave the object out of a part of the pictures on photos.

    The single head is not told which cells speak for an object; those pictures teach its cells to
    be unsure of what is on photos anyway.
    """
    stage = maker.stage
    if stage.background != "photo":
        return maker
    return replace(maker, stage=replace(stage, p_absent=max(stage.p_absent, SINGLE_ABSENT)))


def shape_for(head: HeadName, size: int, labels: Sequence[str]) -> NetworkShape:
    """Return the network's shape; the single-object head has its eight numbers at every stage."""
    return NetworkShape(len(STARTERS) if head == "single" else len(labels), size)


def stopped_run(stage: str, head: HeadName, plan: Plan, folder: Path) -> Trainer | None:
    """Return the trainer of a stage's run that was stopped, or None: there is none.

    Raises:
        TrainError: the run has another plan.
    """
    last = folder / "last.pt"
    if not last.exists():
        return None
    trainer = resume(last)
    if trainer.recipe != plan.recipe(stage, head) or trainer.network.shape.size != plan.size:
        raise TrainError(
            f"{folder} holds a run of another plan; move it away, or name another folder with --run"
        )
    return trainer
