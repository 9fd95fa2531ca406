"""Train a grid network on generated pictures: the whole loop, top to bottom."""

import copy
import csv
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from train.batches import batches
from train.checkpoint import load_checkpoint, save_checkpoint
from train.data_set import CUTOUTS, PHOTOS
from train.errors import TrainError
from train.evaluate import Figures, Found, evaluate
from train.generator import PictureMaker, Sample
from train.inference import Localization
from train.loss import LossParts, detection_loss
from train.network import GridNetwork, NetworkShape


@dataclass(frozen=True)
class Recipe:
    """How to train; together with the pictures in the two folders, this decides the result."""

    cutouts: str = str(CUTOUTS)
    photos: str = str(PHOTOS)
    stage: str = "many-objects"
    steps: int = 12_000
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    weight_decay: float = 1e-4
    giou_weight: float = 1.0
    ema_decay: float = 0.998
    clip_norm: float = 10.0
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """Where training is; `figures` after a validation, else None."""

    step: int
    steps: int
    loss: LossParts
    pictures_per_s: float
    figures: Figures | None


class Trainer:
    """One training run: the network, its averaged copy, the optimizer, and how far it has come."""

    def __init__(self, recipe: Recipe, shape: NetworkShape, labels: Sequence[str]) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.labels = tuple(labels)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = GridNetwork(shape).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, recipe.weight_decay), lr=recipe.learning_rate
        )
        self.step = 0
        self.best_map = -1.0
        self.figures: Figures | None = None

    def train(
        self,
        maker: PictureMaker,
        validation: Sequence[Sample],
        folder: Path,
        report: Callable[[Progress], None],
        *,
        workers: int = 1,
        validate_every: int = 1000,
    ) -> None:
        """Train to the recipe's last step, keeping `last.pt`, `best.pt` and `log.csv` in `folder`.

        Interrupting (KeyboardInterrupt) saves `last.pt` first.

        Raises:
            TrainError: the loss is no longer a finite number (the weights are spoilt, so `last.pt`
            stays as it was), or `folder` cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainError(f"cannot make the folder {folder}: {error.strerror}") from error
        spoilt = False
        try:
            started, seen = time.perf_counter(), 0
            source = batches(maker, self.recipe.batch_size, self.step, self.recipe.steps, workers)
            for batch in source:
                loss = self._learn(batch.frames.to(self.device), batch.targets.to(self.device))
                self.step += 1
                seen += len(batch.frames)
                due = self.step % validate_every == 0 or self.step == self.recipe.steps
                figures = self._validate(validation, folder) if due else None
                rate = seen / (time.perf_counter() - started)
                progress = Progress(self.step, self.recipe.steps, loss, rate, figures)
                if due or self.step % 50 == 0:
                    append_log(folder / "log.csv", progress)
                report(progress)
        except TrainError:
            spoilt = True
            raise
        finally:
            if not spoilt:
                save_checkpoint(folder / "last.pt", self.state())

    def _learn(self, frames: torch.Tensor, targets: Any) -> LossParts:
        """Take one step of AdamW and move the averaged weights after it."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * schedule(self.step, recipe)
        self.network.train()
        half = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            logits = self.network(frames)
        loss = detection_loss(logits, targets, recipe.giou_weight)
        if not torch.isfinite(loss.total):
            raise TrainError(
                f"the loss is {loss.total.item()} at step {self.step}; "
                "train again with a lower --learning-rate"
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
        self.optimizer.step()
        move_average(self.averaged, self.network, recipe.ema_decay, self.step)
        return loss

    def _validate(self, samples: Sequence[Sample], folder: Path) -> Figures:
        """Measure the averaged weights; keep them as `best.pt` if they are the best so far."""
        figures = evaluate(network_locate(self.averaged), samples, self.labels)
        self.figures = figures
        if figures.map50_95 > self.best_map:
            self.best_map = figures.map50_95
            save_checkpoint(folder / "best.pt", self.state())
        save_checkpoint(folder / "last.pt", self.state())
        return figures

    def state(self) -> dict[str, Any]:
        """Return everything that is needed to go on, as tensors and plain values."""
        return {
            "recipe": asdict(self.recipe),
            "shape": asdict(self.network.shape),
            "labels": list(self.labels),
            "step": self.step,
            "best_map": self.best_map,
            "figures": None if self.figures is None else asdict(self.figures),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }


def resume(path: Path) -> Trainer:
    """Rebuild the trainer of a checkpoint; it goes on as if it had never stopped.

    Raises:
        TrainError: the checkpoint cannot be read.
    """
    state = load_checkpoint(path)
    trainer = Trainer(Recipe(**state["recipe"]), shape_of(state), state["labels"])
    trainer.network.load_state_dict(state["network"])
    trainer.averaged.load_state_dict(state["averaged"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    trainer.step = state["step"]
    trainer.best_map = state["best_map"]
    figures = state["figures"]
    trainer.figures = None if figures is None else Figures(**figures)
    return trainer


def shape_of(state: dict[str, Any]) -> NetworkShape:
    """Return the network's shape from a checkpoint's state."""
    shape = state["shape"]
    return NetworkShape(
        shape["classes"], shape["size"], tuple(shape["widths"]), tuple(shape["depths"])
    )


def averaged_network(state: dict[str, Any]) -> GridNetwork:
    """Return the averaged network of a checkpoint's state, the one to be used."""
    network = GridNetwork(shape_of(state))
    network.load_state_dict(state["averaged"])
    return network.eval()


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Let only convolution weights decay, not batch norms or biases."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]


def schedule(step: int, recipe: Recipe) -> float:
    """Return the learning rate's factor: linear warm-up, then a cosine down to 1 in 100."""
    if step < recipe.warmup_steps:
        return (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


@torch.no_grad()
def move_average(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and batch statistics towards the network's.

    Early on the average forgets faster, so that it does not remember the random start.
    """
    keep = min(decay, (1 + step) / (10 + step))
    theirs = network.state_dict()
    for name, value in averaged.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(theirs[name], 1 - keep)
        else:
            value.copy_(theirs[name])


def network_locate(
    network: GridNetwork, lowest_score: float = 0.01
) -> Callable[[Sequence[NDArray[np.uint8]]], list[Found]]:
    """Return a function for `evaluate`: locate in pictures uint8 [S, S, 3] BGR with a network."""
    model = Localization(network).eval()
    device = next(network.parameters()).device

    @torch.no_grad()
    def locate(images: Sequence[NDArray[np.uint8]]) -> list[Found]:
        frames = torch.from_numpy(np.stack(images)).to(device)
        answers = [x.cpu().numpy() for x in model(frames)]
        found = []
        for boxes, scores, class_ids in zip(*answers, strict=True):
            kept = scores >= lowest_score
            found.append(Found(boxes[kept], scores[kept], class_ids[kept]))
        return found

    return locate


def append_log(path: Path, progress: Progress) -> None:
    """Add a line to the run's log, a CSV file with a header."""
    figures = progress.figures
    row = {
        "step": progress.step,
        "pictures_per_s": f"{progress.pictures_per_s:.1f}",
        **{
            name: f"{getattr(progress.loss, name).item():.5f}"
            for name in ("total", "objectness", "box", "giou", "classes")
        },
        "map50": "" if figures is None else f"{figures.map50:.4f}",
        "map50_95": "" if figures is None else f"{figures.map50_95:.4f}",
    }
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if is_new:
            writer.writeheader()
        writer.writerow(row)
