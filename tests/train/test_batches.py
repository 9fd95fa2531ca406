"""Batches made by other processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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


def test_workers_that_do_not_fork_make_the_same() -> None:
    code = """
import multiprocessing, sys
from train.batches import GeneratedBatches, batches, forks
from train.data_set import CUTOUTS, PHOTOS, load_data_set

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    assert not forks()
    data = load_data_set("any-size", CUTOUTS, PHOTOS, 64, seed=1)
    pictures = GeneratedBatches(data.training, 4)
    for one, own in zip(batches(pictures, 2, 8, 2), map(pictures.__getitem__, range(2, 8))):
        assert (one.frames == own.frames).all()
        assert (one.targets.boxes == own.targets.boxes).all()
    print("alike")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "alike\n", done.stderr


@dataclass
class Removed(Mortal):
    """Makes plain pictures, but for one that is not there any more."""

    def make(self, index: int, aspect: tuple[int, int] | None = None) -> Sample:
        if index == self.fatal:
            raise TrainError("no picture at train.errors.png; put it there")
        return super().make(index, aspect)


@pytest.mark.parametrize("workers", [0, 1])
def test_what_fails_in_another_process_is_said_in_its_own_words(workers: int) -> None:
    made = batches(GeneratedBatches(Removed(4), 2), 0, 9, workers)
    with pytest.raises(TrainError, match=r"^no picture at train\.errors\.png; put it there$"):
        list(made)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_process_is_said() -> None:
    made = batches(GeneratedBatches(Mortal(4), 2), 0, 9, workers=1)
    with pytest.raises(TrainError, match="was killed, perhaps for want of memory"):
        list(made)


@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
def test_ctrl_c_leaves_those_that_make_pictures_alone() -> None:
    # as a terminal sends it: to every process of the run
    code = """
import multiprocessing, os, signal, sys
from test_batches import Mortal
from train.batches import GeneratedBatches, batches
from train.interrupts import delayed_interrupt

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    try:
        with delayed_interrupt() as interrupt_if_asked:
            for batch in batches(GeneratedBatches(Mortal(99), 2), 0, 40, 1):
                if int(batch.frames[0, 0, 0, 0]) == 0:
                    os.killpg(0, signal.SIGINT)
        interrupt_if_asked()
    except KeyboardInterrupt:
        print("all were made")
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "all were made\n", done.stderr
