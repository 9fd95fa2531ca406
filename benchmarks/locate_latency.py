"""Compare the latency of locating one frame with YOLO26n at 320 px, on the same runtime.

    python benchmarks/locate_latency.py --yolo out/yolo26n_320.onnx

`export_yolo26n.py` makes the YOLO file. Ours is `Localizer.locate` on a frame of the sample clip:
letterbox, inference, boxes back in pixels of the frame. The YOLO side gets the same frame through
the same letterbox function to its own input, then the float blob it needs and the inference up to
its output array, with the same runtime, threads and latency hint; taking boxes out of that array is
not counted. YOLO's usual export is square, ours is as flat as the frame: `--height 192` of the
export script makes a flat YOLO, the harder one to beat.

A round is some calls of ours, then as many of YOLO's; it gives the median of each and their ratio.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import click
import cv2
import numpy as np
import report
from numpy.typing import NDArray
from yolo_runtimes import YOLO_RUNTIMES, Yolo

from engines.model_file import input_wh
from rtloc.letterbox import fit, letterbox
from rtloc.localizer import DEFAULT_MODEL, Localizer

Image = NDArray[np.uint8]
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SAMPLE = Path(__file__).parents[1] / "samples" / "pokemon.mp4"
FRAMES = 10
WARM_UP_CALLS = 30
TARGET = "at most 0.50, hoped for 0.33"


@click.command()
@click.option("--yolo", required=True, type=A_FILE, help="YOLO26n as ONNX.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="A model of rtloc.")
@click.option("--clip", default=SAMPLE, type=A_FILE, help="Its frames are used.  [default: sample]")
@click.option("--rounds", default=21, show_default=True)
@click.option("--calls", default=100, show_default=True, help="Of each side, in a round.")
@click.option("--threads", type=int, help="For one inference.  [default: the runtime's choice]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(
    yolo: Path,
    model: str,
    clip: Path,
    rounds: int,
    calls: int,
    threads: int | None,
    out: Path | None,
) -> None:
    """Compare the latency of locating one frame with YOLO26n's, on the same runtime."""
    before = report.machine()
    frames = sample_frames(clip)
    rows, notes = [], []
    for backend, open_yolo in YOLO_RUNTIMES.items():
        with Localizer(model, backend=backend, threads=threads) as localizer:
            opened = open_yolo(yolo, threads)
            sides = (localizer.locate, yolo_call(opened), letterbox_call(opened.input_wh))
            ours, theirs, fits = interleave(sides, frames, rounds, calls)
            notes.append(f"{backend} computes in {opened.precision}")
            ratios = report.ratios(ours, theirs)
            cells = [f"{median(times):.2f}" for times in (ours, theirs, fits)]
            rows.append([backend, *cells, report.spread(ratios)])
    height, width = frames[0].shape[:2]
    ours_wh = input_wh(width, height, localizer.info.input_size)
    header = ["backend", "rtloc, ms", "YOLO26n, ms", "its letterbox, ms", "rtloc / YOLO26n"]
    body = (
        f"{report.table(header, rows)}\n\n"
        f"Model {model} ({localizer.info.precision}) with an input of {by(ours_wh)} against "
        f"{yolo.stem} with "
        f"{by(opened.input_wh)}, batch 1, {len(frames)} frames of {width}×{height} in turn; "
        f"{'; '.join(notes)}; threads: "
        f"{threads or 'as the runtime chooses'}. Medians of {rounds} interleaved rounds, {calls} "
        f"calls a side and round; ratio: median (least..greatest) of the rounds. Target: {TARGET}."
    )
    report.publish("Latency of locating one frame", before, body, out)


def sample_frames(clip: Path) -> list[Image]:
    """Read some frames from all over a video."""
    capture = cv2.VideoCapture(str(clip))
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    wanted = {n * count // FRAMES for n in range(FRAMES)}
    frames = [np.asarray(capture.read()[1], np.uint8) for n in range(count)]
    return [frame for n, frame in enumerate(frames) if n in wanted]


def interleave(
    sides: tuple[Callable[[Image], Any], ...], frames: list[Image], rounds: int, calls: int
) -> list[list[float]]:
    """Time the sides in turn; return for each its median in milliseconds, by round."""
    for side in sides:
        timed(side, frames, WARM_UP_CALLS)
    medians: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, values in zip(sides, medians, strict=True):
            values.append(median(timed(side, frames, calls)))
    return medians


def timed(side: Callable[[Image], Any], frames: list[Image], calls: int) -> list[float]:
    """Call `side` with the frames in turn; return how long each call took, in milliseconds."""
    times = []
    for n in range(calls):
        frame = frames[n % len(frames)]
        start = time.perf_counter()
        side(frame)
        times.append(1e3 * (time.perf_counter() - start))
    return times


def letterbox_call(wh: tuple[int, int]) -> Callable[[Image], Image]:
    """Return what fits a frame into an input of a width and height."""
    out = np.empty((wh[1], wh[0], 3), np.uint8)

    def call(image: Image) -> Image:
        fit(image, letterbox(image.shape[1], image.shape[0], wh), out)
        return out

    return call


def yolo_call(yolo: Yolo) -> Callable[[Image], Any]:
    """Return what locates with YOLO: letterbox, float blob in RGB order, inference."""
    to_input = letterbox_call(yolo.input_wh)

    def call(image: Image) -> Any:
        blob = cv2.dnn.blobFromImage(to_input(image), 1 / 255, swapRB=True)
        return yolo.infer(np.asarray(blob, np.float32))

    return call


def by(wh: tuple[int, int]) -> str:
    """Write a width and a height."""
    return f"{wh[0]}×{wh[1]}"


if __name__ == "__main__":
    main()
