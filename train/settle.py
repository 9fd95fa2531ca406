"""Measure a run's best network at length when it is done, and settle its threshold.

The validations on the way see too few pictures without objects to tell one false detection in
1,000, and they are many, so they must be short.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from train.checkpoint import load_checkpoint, save_checkpoint
from train.data_set import DataSet
from train.evaluate import Infer, evaluate, locate_samples, measure, presence_threshold
from train.figures import Figures
from train.negatives import DRAWINGS, PHOTOS, Negatives
from train.trained import averaged_network, network_locate
from train.training_data import TrainingData

SAMPLES = 1000
OTHERS = 3  # times as many pictures to choose a threshold on: a few wrong ones decide it


def settle(
    checkpoint: Path,
    data: TrainingData,
    *,
    samples: int = SAMPLES,
    photos: int = PHOTOS,
    drawings: int = DRAWINGS,
) -> Figures:
    """Measure a checkpoint's averaged network, keep the figures in the checkpoint, return them.

    samples: held-out pictures; photos, drawings: pictures without objects, and with drawings of
    other things, that the threshold is chosen on; without photos it is the one that balances
    precision and recall.

    Raises:
        TrainError: the checkpoint cannot be read.
    """
    return measured(
        checkpoint,
        lambda infer: measure_at_length(
            infer, data, samples=samples, photos=photos, drawings=drawings
        ),
    )


def settle_by_presence(checkpoint: Path, data: DataSet, samples: int = SAMPLES) -> Figures:
    """Do as `settle` for pictures with one object or none: what counts is to tell which it is.

    A miss weighs as a false alarm does, which the limits for frames without objects do not know.
    The threshold is chosen on other held-out pictures than the figures are measured on, and more.

    Raises:
        TrainError: the checkpoint cannot be read.
    """

    def measure_by_presence(infer: Infer) -> Figures:
        others = map(data.held_out.make, range(samples, (1 + OTHERS) * samples))
        threshold = presence_threshold(*locate_samples(infer, others))
        truths, found = locate_samples(infer, data.held_out_samples(samples))
        return measure(truths, found, data.labels, threshold)

    return measured(checkpoint, measure_by_presence)


def measured(checkpoint: Path, measuring: Callable[[Infer], Figures]) -> Figures:
    """Measure a checkpoint's averaged network, keep the figures in the checkpoint, return them.

    Raises:
        TrainError: the checkpoint cannot be read.
    """
    state = load_checkpoint(checkpoint)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = averaged_network(state).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    figures = measuring(network_locate(network))
    state |= {"figures": asdict(figures), "settled": True}
    save_checkpoint(checkpoint, state)
    return figures


def measure_at_length(
    infer: Infer,
    data: TrainingData,
    *,
    samples: int = SAMPLES,
    photos: int = PHOTOS,
    drawings: int = DRAWINGS,
) -> Figures:
    """Measure an engine on held-out pictures and choose its threshold; see `settle`."""
    negatives = data.negatives(photos, drawings) if photos else Negatives()
    return evaluate(infer, data.held_out_samples(samples), data.labels, negatives)
