"""Lay each stage of a frame beside its floor: what no implementation could leave out.

    python benchmarks/floors.py

Everything on one thread, over the frames of the sample clip, eight located together as `rtloc
video` does. The floors: decoding alone; reading every byte of a frame once (copying it); the
engine's convolutions alone, by OpenVINO's own counters; encoding frames on which nothing is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import av
import click
import cv2
import numpy as np
import report

from engines.model_file import INPUT, input_wh, read_model_info, resolve_model
from engines.openvino_backend import core
from rtloc.bench.closed_loop import measure
from rtloc.bench.frames import over_and_over
from rtloc.bench.way import Encoder, Way, open_encoder
from rtloc.frame import Frame
from rtloc.localizer import DEFAULT_MODEL, Localizer

SAMPLE = Path(__file__).parents[1] / "samples" / "pokemon.mp4"
BATCH = 8
CONVOLUTION = "Convolution"


@click.command()
@click.option("--seconds", default=10.0, show_default=True, help="Of each measurement.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(seconds: float, out: Path | None) -> None:
    """Measure the stages and their floors, and print the table."""
    before = report.machine()
    cv2.setNumThreads(1)
    with Localizer(threads=1, batch=BATCH) as localizer, open_encoder(threads=1) as encoder:
        way = Way(localizer, over_and_over(SAMPLE), BATCH, None, encoder)
        (measured,) = measure([way], 5, 3 * seconds)
    stages = {stage: median(ms) / BATCH for stage, ms in measured.samples_ms.items()}
    frame = first_frame()
    floors = {
        "capture": ("decoding alone", decode_ms(seconds)),
        "fit": ("copying the frame once", per_call_ms(frame.copy, seconds)),
        "engine": ("its convolutions alone", convolutions_ms(seconds)),
        "encode": ("encoding frames with nothing drawn on them", encode_ms(seconds)),
    }
    rows = []
    for stage in ("capture", "fit", "engine", "unfit", "draw", "encode"):
        what, floor = floors.get(stage, ("nothing at all", 0.0))
        cells = [f"{value:.3f}" for value in (stages[stage], floor, stages[stage] - floor)]
        rows.append([stage, *cells, what])
    header = ["stage", "ms a frame", "floor, ms", "gap, ms", "what the floor is"]
    body = (
        f"{report.table(header, rows)}\n\nMedians over the sample clip, 1280×720, on one thread, "
        f"{BATCH} frames together."
    )
    report.publish("Each stage and its floor", before, body, out)


def first_frame() -> np.ndarray:
    """Decode the clip's first frame, as I420."""
    with av.open(str(SAMPLE)) as video:
        return next(video.decode(video=0)).to_ndarray()


def decode_ms(seconds: float) -> float:
    """Decode on one thread, and do nothing with the pictures."""

    def pictures() -> Iterator[Any]:
        while True:
            with av.open(str(SAMPLE)) as video:
                video.streams.video[0].codec_context.thread_count = 1
                yield from video.decode(video=0)

    source = pictures()
    return per_call_ms(lambda: next(source), seconds)


def encode_ms(seconds: float) -> float:
    """Encode frames of the clip as they are, on one thread."""
    source = over_and_over(SAMPLE)
    with open_encoder(threads=1) as encoder:
        began_s, groups = time.perf_counter(), []
        while time.perf_counter() - began_s < 2 * seconds:
            frames = list(islice(source, BATCH))
            groups.append(group_ms(partial(encode_all, encoder, frames)))
    return median(groups)


def encode_all(encoder: Encoder, frames: list[Frame]) -> None:
    """Encode some frames."""
    for frame in frames:
        encoder.write(frame)


def convolutions_ms(seconds: float) -> float:
    """Ask OpenVINO how long the convolutions of a frame take."""
    info = read_model_info(resolve_model(DEFAULT_MODEL))
    model = core().read_model(str(info.path))
    width, height = input_wh(16, 9, info.input_size)
    model.reshape({INPUT: [BATCH, height, width, 3]})
    options = {"PERF_COUNT": "YES", "INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY"}
    request = core().compile_model(model, "CPU", options).create_infer_request()
    noise = np.random.default_rng(0).integers(0, 256, (BATCH, height, width, 3), np.uint8)
    sums = []
    began_s = time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        request.infer([noise])
        nodes = [n for n in request.profiling_info if n.node_type == CONVOLUTION]
        sums.append(1e3 * sum(n.real_time.total_seconds() for n in nodes) / BATCH)
    return median(sums)


def per_call_ms(call: Callable[[], Any], seconds: float) -> float:
    """Return how long a call takes, of groups as large as a batch: frames are not alike."""
    began_s, groups = time.perf_counter(), []
    while time.perf_counter() - began_s < seconds:
        groups.append(group_ms(lambda: [call() for _ in range(BATCH)]))
    return median(groups)


def group_ms(work: Callable[[], Any]) -> float:
    """Time the work of a batch; return the milliseconds of one frame."""
    began_s = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began_s) / BATCH


if __name__ == "__main__":
    main()
