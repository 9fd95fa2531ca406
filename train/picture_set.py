"""Pictures with known boxes to measure on, wherever they come from."""

from collections.abc import Iterable
from dataclasses import dataclass

from train.data_set import DataSet
from train.samples import Sample


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures with known boxes.

    title: what they are, for people; cases: their names, and the pictures, read or made one by one;
    count: how many; is_real: not generated; unknown: classes that the model does not know, whose
    boxes were left out.
    """

    title: str
    cases: Iterable[tuple[str, Sample]]
    count: int
    is_real: bool = True
    unknown: tuple[str, ...] = ()


def generated_set(data: DataSet, stage: str, count: int) -> PictureSet:
    """Return the first `count` pictures of a stage over held-out photos."""
    cases = ((f"generated {n}", data.held_out.make(n)) for n in range(count))
    title = f"{count} generated pictures of the stage {stage}"
    return PictureSet(title, cases, count, is_real=False)
