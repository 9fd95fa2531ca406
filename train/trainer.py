"""Train a network, of either head, on a maker's pictures: the whole loop, top to bottom."""

import copy
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from train.batches import Batch, GeneratedBatches, batches
from train.checkpoint import load_checkpoint, rebuilt, save_checkpoint
from train.curves import LOSSES, append_row, cut_rows, draw_curves
from train.errors import DivergedError, TrainError
from train.evaluate import evaluate
from train.figures import Figures
from train.hard_pictures import HardPictures, hard_pictures_of
from train.heads import HEADS
from train.interrupts import delayed_interrupt, unbroken
from train.loss import LossParts
from train.network import NetworkShape
from train.optimizers import move_average, optimizers_of
from train.recipe import (
    Measuring,
    Recipe,
    beginning_of,
    loss_weights,
    picture_size,
    recipe_of,
    schedule,
)
from train.samples import Maker, Sample
from train.team import ALONE, Team, in_step
from train.trained import load_weights, network_locate, shape_of
from train.transfer import begin_with

LOG_EVERY = 50
SAVE_EVERY_S = 60


@dataclass(frozen=True)
class Progress:
    """Where training is; `figures` after a validation, else None."""

    step: int
    steps: int
    loss: LossParts
    pictures_per_s: float
    figures: Figures | None


class Trainer:
    """One training run: the network, its averaged copy, the optimizers, and how far it has come."""

    def __init__(
        self,
        recipe: Recipe,
        shape: NetworkShape,
        labels: Sequence[str],
        team: Team = ALONE,
    ) -> None:
        """Start from random weights, the same for the same seed; `team`: the processes that share.

        `begin` starts from those that the recipe names.

        Raises:
            TrainError: the batch cannot be shared evenly.
        """
        if recipe.batch_size % team.size:
            raise TrainError(
                f"a batch of {recipe.batch_size} cannot be shared by {team.size} processes; "
                "choose a --batch-size that can"
            )
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.labels = tuple(labels)
        self.team = team
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.head = HEADS[recipe.head]
        self.network = self.head.network(shape).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.network).eval()
        self.shared = in_step(self.network, team, self.device)
        self.optimizers = optimizers_of(self.network, recipe)
        self.half = recipe.precision == "bf16" or (
            recipe.precision == "auto" and is_fast_in_half(self.device)
        )
        self.step = 0
        self.validated = 0  # at which step last
        self.seconds = 0.0  # of training, validations left out
        self.best_map = -1.0
        self.measuring: Measuring | None = None
        self.figures: Figures | None = None
        self.hard: HardPictures | None = None
        self.hard_before: dict[str, Any] | None = None  # of the run that this one goes on with

    def begin(self, maker: Maker) -> None:
        """Load the weights that the recipe begins with, if it names any; `maker`: as of `train`.

        Raises:
            TrainError: they cannot be read, or are of another network.
        """
        if self.recipe.weights is not None:
            maker = maker.at_size(picture_size(self.recipe, self.network.shape.size))
            begin_with(self.network, self.labels, Path(self.recipe.weights), maker)
            self.averaged.load_state_dict(self.network.state_dict())

    def measure_by(self, measuring: Measuring) -> None:
        """Keep how the run is measured from now on; figures of other pictures compare with none."""
        if self.measuring is not None and self.measuring.held_out != measuring.held_out:
            self.best_map = -1.0
        self.measuring = measuring

    def train(
        self,
        maker: Maker,
        validation: Sequence[Sample],
        folder: Path,
        report: Callable[[Progress], None],
        *,
        workers: int = 1,
        validate_every: int = 1000,
    ) -> None:
        """Train to the recipe's last step.

        `folder` gets `last.pt`, `best.pt`, `log.csv` and `curves.png`. Ctrl-C, SIGTERM and SIGHUP
        (as KeyboardInterrupt) save `last.pt` first, as is done once a minute; training resumed
        from there goes on as if it had never stopped.

        Raises:
            TrainError: the loss is no longer a finite number (the weights are spoilt, so `last.pt`
            stays as it was), `folder` cannot be made, or the recipe wants hard pictures and there
            are none.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainError(f"cannot make the folder {folder}: {error.strerror}") from error
        if self.team.leads:
            cut_rows(folder / "log.csv", self.step)
        source = self._batches(maker, workers)
        first_second = self.seconds
        started, saved = time.perf_counter(), time.monotonic()
        seen, spoilt = 0, False
        try:
            with closing(source), delayed_interrupt() as interrupt_if_asked:
                if self.step > self.validated and self._is_due(validate_every):
                    self._validate(validation, folder)  # in which it was stopped
                for made in source:
                    hard = self.hard
                    batch = made if hard is None else hard.add_to(made, self.step, self.averaged)
                    frames, targets = batch.frames.to(self.device), batch.targets.to(self.device)
                    with unbroken():
                        loss = self._learn(frames, targets)
                        self.step += 1
                    seen += len(frames) * self.team.size
                    self.seconds += time.perf_counter() - started
                    due = self._is_due(validate_every)
                    figures = self._validate(validation, folder) if due else None
                    rate = seen / (self.seconds - first_second)
                    now = Progress(self.step, self.recipe.steps, loss, rate, figures)
                    self._log(now, folder)
                    if due:
                        saved = time.monotonic()  # with its figures
                    elif self.team.leads and time.monotonic() > saved + SAVE_EVERY_S:
                        save_checkpoint(folder / "last.pt", self.state())
                        saved = time.monotonic()
                    report(now)
                    interrupt_if_asked()
                    started = time.perf_counter()
        except DivergedError:
            spoilt = True
            raise
        finally:
            if self.team.leads and not spoilt:
                save_checkpoint(folder / "last.pt", self.state())

    def _batches(self, maker: Maker, workers: int) -> Generator[Batch, None, None]:
        """Return the batches of the steps to come; look for hard pictures, if any are wanted."""
        size = picture_size(self.recipe, self.network.shape.size)
        maker = maker.at_size(size)
        beginning = beginning_of(self.recipe, size)
        looked = self.hard_before if self.hard is None else self.hard.state()
        self.hard = hard_pictures_of(self.recipe, maker, beginning.end, workers, self.team)
        if self.hard is not None and looked is not None:
            self.hard.restore(looked)
        pictures = GeneratedBatches(
            maker,
            self.recipe.batch_size,
            self.team,
            self.head.targets,
            beginning=beginning,
            room=0 if self.hard is None else self.hard.count,
        )
        return batches(pictures, self.step, self.recipe.steps, workers)

    def _log(self, now: Progress, folder: Path) -> None:
        """Write a line of the log now and then, and draw the curves after a validation."""
        if not self.team.leads or (now.figures is None and now.step % LOG_EVERY):
            return
        append_row(folder / "log.csv", log_row(now))
        if now.figures is not None:
            draw_curves(folder / "log.csv", folder / "curves.png")

    def _learn(self, frames: torch.Tensor, targets: Any) -> LossParts:
        """Take one step and move the averaged weights after it."""
        recipe = self.recipe
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * schedule(self.step, recipe)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            answers = self.shared(frames)
        loss = self.head.loss(self.network, answers, targets, loss_weights(recipe), self.team)
        total = self.team.mean(loss.total)  # so that all processes stop together
        if not torch.isfinite(total):
            raise DivergedError(
                f"the loss is {total.item()} at step {self.step}; "
                "train again with a lower --learning-rate"
            )
        self.network.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        move_average(self.averaged, self.network, recipe.ema_decay, self.step)
        return loss

    def _is_due(self, validate_every: int) -> bool:
        """Say whether the weights of this step are to be validated."""
        return self.step % validate_every == 0 or self.step == self.recipe.steps

    def _validate(self, samples: Sequence[Sample], folder: Path) -> Figures | None:
        """Measure the averaged weights; keep them as `best.pt` if none so far are better.

        Of equally good ones the last have learnt most, also where nothing can be told, as in
        pictures without objects. Only one process of a team does; the others wait.
        """
        if not self.team.leads:
            self.team.wait()
            self.validated = self.step
            return None
        figures = evaluate(network_locate(self.averaged), samples, self.labels)
        self.figures = figures
        if figures.map50_95 >= self.best_map:
            own = {"best_map": figures.map50_95, "validated": self.step}
            save_checkpoint(folder / "best.pt", self.state() | own)
            self.best_map = figures.map50_95  # now that they are kept
        self.validated = self.step
        save_checkpoint(folder / "last.pt", self.state())
        self.team.wait()
        return figures

    def state(self) -> dict[str, Any]:
        """Return everything that is needed to go on, as tensors and plain values."""
        return {
            "recipe": asdict(self.recipe),
            "shape": asdict(self.network.shape),
            "labels": list(self.labels),
            "step": self.step,
            "validated": self.validated,
            "seconds": self.seconds,
            "best_map": self.best_map,
            "measuring": None if self.measuring is None else asdict(self.measuring),
            "figures": None if self.figures is None else asdict(self.figures),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "hard": None if self.hard is None else self.hard.state(),
        }


def is_fast_in_half(device: torch.device) -> bool:
    """Say whether a device multiplies bfloat16 faster than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def resume(path: Path, team: Team = ALONE) -> Trainer:
    """Rebuild the trainer of a checkpoint; it goes on as if it had never stopped.

    Raises:
        TrainError: the checkpoint cannot be read, or is of another network, other optimizers or
            another version of rtloc.
    """
    state = load_checkpoint(path)
    if "optimizers" not in state:
        raise TrainError(f"{path} was trained with another optimizer; train again")
    trainer = Trainer(recipe_of(state), shape_of(state), state["labels"], team)
    load_weights(trainer.network, state["network"])
    load_weights(trainer.averaged, state["averaged"])
    for optimizer, theirs in zip(trainer.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(theirs)
    trainer.step = state["step"]
    trainer.validated = state.get("validated", trainer.step)
    trainer.seconds = state.get("seconds", 0.0)
    trainer.best_map = state["best_map"]
    if state.get("measuring") is not None:
        trainer.measuring = rebuilt(Measuring, state, "measuring")
    trainer.figures = None if state["figures"] is None else rebuilt(Figures, state, "figures")
    trainer.hard_before = state.get("hard")
    return trainer


def log_row(now: Progress) -> dict[str, str]:
    """Return a line of the log."""
    figures = now.figures
    return {
        "step": str(now.step),
        "pictures_per_s": f"{now.pictures_per_s:.1f}",
        **{name: f"{getattr(now.loss, name).item():.5f}" for name in LOSSES},
        "map50": "" if figures is None else f"{figures.map50:.4f}",
        "map50_95": "" if figures is None else f"{figures.map50_95:.4f}",
    }
