"""Measure how many training pictures one core makes in a second, at each stage.

    python benchmarks/generator_speed.py

The time is that of the processor, so that other programs on the machine do not count, and OpenCV
may not use other cores. Pictures are square: their content fills all of the network's input.
"""

import time
from pathlib import Path

import click
import cv2
import report

from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.generator import PictureMaker
from train.stages import STAGES

SQUARE = (1, 1)
WARM_UP = 30


@click.command()
@click.option("--size", default=256, show_default=True, help="Of a side, px.")
@click.option("--pictures", default=300, show_default=True, help="In each round.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--stage", type=click.Choice(list(STAGES)), multiple=True, help="Repeatable.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(size: int, pictures: int, rounds: int, stage: tuple[str, ...], out: Path | None) -> None:
    """Make the same pictures again and again, stage by stage, and print a table."""
    before = report.machine()
    cv2.setNumThreads(0)
    makers = {
        name: load_data_set(name, CUTOUTS, PHOTOS, size, seed=0).training
        for name in stage or STAGES
    }
    rates: dict[str, list[float]] = {name: [] for name in makers}
    for maker in makers.values():
        pictures_per_s(maker, WARM_UP)
    for _ in range(rounds):  # in turn, so that what slows the machine for a while slows them all
        for name, maker in makers.items():
            rates[name].append(pictures_per_s(maker, pictures))
    rows = [[name, report.spread(values, digits=0)] for name, values in rates.items()]
    body = (
        f"{report.table(['stage', 'pictures/s per core'], rows)}\n\n"
        f"Median of {rounds} rounds (least..greatest) of {pictures} pictures of {size} × {size} px."
    )
    report.publish("Making training pictures", before, body, out)


def pictures_per_s(maker: PictureMaker, pictures: int) -> float:
    """Make a maker's first pictures; return how many in a second of the processor's time."""
    started = time.process_time()
    for index in range(pictures):
        maker.make(index, SQUARE)
    return pictures / (time.process_time() - started)


if __name__ == "__main__":
    main()
