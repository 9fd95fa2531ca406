"""Feed generated pictures to the trainer, batch by batch, the same for any number of workers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from train.generator import Maker, Sample
from train.targets import Targets, make_targets
from train.team import ALONE, Team


@dataclass(frozen=True, eq=False)
class Batch:
    """frames: uint8 [B, H, W, 3], BGR; targets: what the grid should answer."""

    frames: Tensor
    targets: Targets


class GeneratedBatches(Dataset[Batch]):
    """The i-th batch holds the pictures i·B to i·B + B − 1 of a maker, all of one aspect.

    Each process of a team gets a part of it.
    """

    def __init__(
        self,
        maker: Maker,
        batch_size: int,
        team: Team = ALONE,
        targets: Callable[[Sequence[Sample]], Targets] = make_targets,
    ) -> None:
        self.maker = maker
        self.batch_size = batch_size
        self.team = team
        self.targets = targets

    def __getitem__(self, index: int) -> Batch:
        part = self.batch_size // self.team.size
        first = index * self.batch_size + self.team.rank * part
        aspect = self.maker.aspect(index)
        samples = [self.maker.make(i, aspect) for i in range(first, first + part)]
        frames = torch.from_numpy(np.stack([s.image for s in samples]))
        return Batch(frames, self.targets(samples))


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def batches(pictures: GeneratedBatches, first: int, end: int, workers: int) -> Iterator[Batch]:
    """Yield the batches `first` to `end` − 1, in order."""
    loader = DataLoader(
        pictures,
        batch_size=None,
        sampler=range(first, end),
        num_workers=workers,
        worker_init_fn=_one_thread,
        prefetch_factor=4 if workers else None,
    )
    yield from loader
