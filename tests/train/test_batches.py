"""Batches made by other processes."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from train.batches import GeneratedBatches, batches
from train.errors import TrainError
from train.samples import Sample


@dataclass
class Mortal:
    """Makes plain pictures, but for one, at which its process is killed."""

    fatal: int

    def aspect(self, group: int) -> tuple[int, int]:
        return 1, 1

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        if index == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        image = np.full((64, 64, 3), index, np.uint8)
        return Sample(image, np.zeros((0, 4), np.float32), np.zeros(0, np.int64))

    def at_size(self, size: int) -> Mortal:
        return self

    def without_objects(self) -> None:
        return None


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_order(workers: int) -> None:
    made = batches(GeneratedBatches(Mortal(99), 2), 1, 4, workers)
    assert [int(batch.frames[0, 0, 0, 0]) for batch in made] == [2, 4, 6]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_process_is_said() -> None:
    made = batches(GeneratedBatches(Mortal(4), 2), 0, 9, workers=1)
    with pytest.raises(TrainError, match="was killed, perhaps for want of memory"):
        list(made)
