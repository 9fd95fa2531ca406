"""Feed generated pictures to the trainer, batch by batch, the same for any number of workers."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from engines.cores import usable_cores
from train import shared
from train.errors import TrainError
from train.interrupts import KINDS
from train.samples import Maker, Sample
from train.targets import Targets, make_targets
from train.team import ALONE, Team

OUTLIVE_S = 10  # longer than a step takes, and a checkpoint


@dataclass(frozen=True, eq=False)
class Batch:
    """frames: uint8 [B, H, W, 3], BGR; targets: what the grid should answer."""

    frames: Tensor
    targets: Targets


@dataclass(frozen=True)
class Beginning:
    """The first batches hold smaller pictures: what is common to all sizes is learnt sooner there.

    size: their longer side in pixels; end: the number of the first batch that is not small.
    """

    size: int
    end: int


class GeneratedBatches(Dataset[Batch]):
    """The i-th batch holds the pictures i·B to i·B + B − 1 of a maker, all of one aspect.

    Of the batches after the beginning the last `room` pictures are left out: others are to take
    their places. Each process of a team gets a part of the rest, which they must share evenly.
    """

    def __init__(
        self,
        maker: Maker,
        batch_size: int,
        team: Team = ALONE,
        targets: Callable[[Sequence[Sample]], Targets] = make_targets,
        *,
        beginning: Beginning | None = None,
        room: int = 0,
    ) -> None:
        self.maker = maker
        self.small = maker if beginning is None else maker.at_size(beginning.size)
        self.small_until = 0 if beginning is None else beginning.end
        self.batch_size = batch_size
        self.team = team
        self.targets = targets
        self.room = room

    def __getitem__(self, index: int) -> Batch:
        is_small = index < self.small_until
        part = (self.batch_size - (0 if is_small else self.room)) // self.team.size
        first = index * self.batch_size + self.team.rank * part
        maker = self.small if is_small else self.maker
        aspect = maker.aspect(index)
        samples = [maker.make(i, aspect) for i in range(first, first + part)]
        frames = torch.from_numpy(np.stack([s.image for s in samples]))
        return Batch(frames, self.targets(samples))


class SharedBatches(Dataset[Batch]):
    """Batches that another process has written to a file; read at the first that is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pictures: GeneratedBatches | None = None

    def __getitem__(self, index: int) -> Batch:
        if self._pictures is None:
            self._pictures = shared.read(self._path)
        return self._pictures[index]


def forks() -> bool:
    """Return whether processes begin with all that this one has, as on Linux."""
    return multiprocessing.get_start_method() == "fork"


@contextmanager
def handed_over(pictures: GeneratedBatches, workers: int) -> Iterator[Dataset[Batch]]:
    """Give the batches as the workers are to have them: each with a copy of its own would be a lot.

    Raises:
        TrainError: there is no room for them.
    """
    if workers == 0 or forks():
        yield pictures
        return
    with shared.in_a_file(pictures) as path:
        yield SharedBatches(path)


def _in_the_background(worker: int) -> None:
    """Leave the processor to the training whenever that can use it; it waits when it must.

    What stops the whole run is for the training: it ends its workers when it has saved. If it does
    so by SIGTERM, as it must when it fails, they end a little later.
    """
    for kind in KINDS:
        signal.signal(kind, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(OUTLIVE_S))
    if hasattr(os, "nice"):
        os.nice(19)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def usual_workers() -> int:
    """Return how many processes should make pictures: two, or on a GPU's machine most cores.

    There the generator is what training waits for; on a CPU the training needs the cores itself.
    """
    if not torch.cuda.is_available():
        return 2
    of_machine = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # the team's processes, by torchrun
    return max(2, usable_cores() // of_machine - 1)


def own_words(error: TrainError) -> str:
    """Return what an error says, without the traceback in which torch hands on a worker's."""
    kind = f"{TrainError.__module__}.{TrainError.__qualname__}: "
    return str(error).rpartition(kind)[2].rstrip()


def batches(
    pictures: GeneratedBatches, first: int, end: int, workers: int
) -> Generator[Batch, None, None]:
    """Yield the batches `first` to `end` − 1, in order; closed, it ends those that make them.

    Raises:
        TrainError: a picture cannot be read any more, or a process that makes them was killed.
    """
    try:
        with handed_over(pictures, workers) as given:
            yield from DataLoader(
                given,
                batch_size=None,
                sampler=range(first, end),
                num_workers=workers,
                worker_init_fn=_in_the_background,
                prefetch_factor=4 if workers else None,
            )
    except TrainError as error:
        raise TrainError(own_words(error)) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainError(
            "a process that makes pictures was killed, perhaps for want of memory; fewer "
            "--workers need less"
        ) from error
