"""Train rtloc and Ultralytics' YOLO26n on the same kind of pictures for the same time, and compare.

    python benchmarks/vs_yolo/compare.py --yolo-python YOLO_VENV/bin/python --work out/vs_yolo

`train_yolo26n.py` says what the other virtual environment needs. First rtloc trains for `--steps`
steps, making its pictures as it goes; then `rtloc synth` writes `--yolo-pictures` pictures, and
YOLO trains from scratch on those, again and again, for the time that rtloc took, on the same cores.
The table says how many pictures each has seen, and how many of them were different. Both answer the
same pictures over photos and distractors that neither was trained with.
Their latency is measured as in `locate_latency.py`, with OpenVINO: YOLO gets an input as flat as
the frames of the sample clip, which suits it better than its usual square.
A part that is finished is not done again; remove its file in the `--work` folder to repeat it.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import click
import cv2
import numpy as np

from engines.backends import open_backend
from engines.model_file import input_wh, read_model_info
from rtloc.localizer import Localizer
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.evaluate import evaluate, measure
from train.figures import Figures
from train.matching import Found
from train.samples import Sample
from train.stage_recipes import PLANS

sys.path.insert(0, str(Path(__file__).parents[1]))
import report
from locate_latency import SAMPLE, interleave, sample_frames, yolo_call
from yolo_runtimes import open_with_openvino

STAGE = "many-objects"
HELD_OUT = 1000
ROUNDS, CALLS = 11, 100  # of the latency
HERE = Path(__file__).parent


@click.command()
@click.option("--yolo-python", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--work", required=True, type=click.Path(path_type=Path), help="For what is made.")
@click.option("--steps", default=4000, show_default=True, help="Of rtloc's training.")
@click.option("--size", default=384, show_default=True)
@click.option("--yolo-pictures", default=20_000, show_default=True, help="To train on.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(
    yolo_python: Path, work: Path, steps: int, size: int, yolo_pictures: int, out: Path | None
) -> None:
    """Train both for the same time on pictures of the same kind, and print the table."""
    before = report.machine()
    work.mkdir(parents=True, exist_ok=True)
    data = load_data_set(STAGE, CUTOUTS, PHOTOS, size, seed=0)
    samples = list(data.held_out_samples(HELD_OUT))
    ours_s = train_ours(work, steps, size)
    ours = evaluate_ours(work / "rtloc.onnx", samples, data.labels)
    yolo = train_yolo(yolo_python, work, samples, ours_s, size, yolo_pictures)
    theirs = measure(samples, as_found(yolo["found"]), data.labels)
    run(sys.executable, "-m", "rtloc", "export", *quantized(work))
    ours_8_bits = evaluate_ours(work / "rtloc_int8.onnx", samples, data.labels)
    latencies = latencies_ms(work, size)
    made = (steps * PLANS["dense"][STAGE].batch_size,) * 2
    fixed = (yolo["pictures_seen"], yolo["pictures"])
    rows = [
        row("rtloc", ours, ours_s, made, work / "rtloc.onnx", latencies[0]),
        row("rtloc, 8 bits", ours_8_bits, ours_s, made, work / "rtloc_int8.onnx", latencies[1]),
        row("YOLO26n", theirs, yolo["trained_s"], fixed, work / "yolo26n.onnx", latencies[2]),
    ]
    header = [
        "",
        "mAP@50",
        "mAP@50:95",
        "training, min",
        "pictures seen",
        "of them different",
        "ONNX file, MB",
        "latency, ms",
        "of YOLO's",
    ]
    for cells, values in zip(rows, latencies, strict=True):
        cells.append(report.spread(report.ratios(values, latencies[2])))
    body = (
        f"{report.table(header, rows)}\n\n"
        f"Both from random weights at {size} px, stage {STAGE}, measured on {HELD_OUT} pictures "
        "over photos and distractors that neither has seen. Latency: of one frame of the sample "
        f"clip, in turn, with OpenVINO; medians of {ROUNDS} rounds of {CALLS} calls a side."
    )
    report.publish("Against YOLO26n, trained for the same time", before, body, out)


def run(*command: object) -> float:
    """Run a command to its end; return how many seconds it took."""
    started = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True)
    return time.perf_counter() - started


def train_ours(work: Path, steps: int, size: int) -> float:
    """Train rtloc, unless it is done; return how many seconds it took."""
    took = work / "rtloc_seconds.txt"
    if not took.exists():
        sizes = ("--size", size, "--picture-size", size)  # as YOLO's
        options = (*sizes, "--steps", steps, "--stage", STAGE, "--validate-every", steps)
        # the time is for training: hardly any for the threshold, which mAP does not need
        shortly = ("--held-out", 50, "--negatives", 50)
        folders = ("--run", work / "rtloc_run", "-o", work / "rtloc.onnx")
        seconds = run(sys.executable, "-m", "rtloc", "train", *options, *shortly, *folders)
        took.write_text(f"{seconds:.1f}", encoding="utf-8")
    return float(took.read_text(encoding="utf-8"))


def evaluate_ours(model: Path, samples: list[Sample], labels: tuple[str, ...]) -> Figures:
    """Measure rtloc's model file on the backend that a user gets."""
    engine, _ = open_backend(read_model_info(model))
    figures = evaluate(engine.infer, samples, labels)
    engine.close()
    return figures


def train_yolo(
    python: Path, work: Path, samples: list[Sample], seconds: float, size: int, pictures: int
) -> dict:
    """Make YOLO's pictures and train it, unless it is done; return its report."""
    answer = work / "yolo.json"
    if not answer.exists():
        data = work / "yolo_data"
        if not (data / "data.yaml").exists():
            # one to validate on: with none YOLO would, at the end, validate on all that it learnt
            count = ("--count", pictures + 1, "--val-part", 1 / (pictures + 1))
            what = ("--format", "yolo", *count, "--seed", 0, "--stage", STAGE)
            run(sys.executable, "-m", "rtloc", "synth", data, *what, "--size", size)
        held_out = work / "held_out"
        held_out.mkdir(exist_ok=True)
        for n, sample in enumerate(samples):
            cv2.imwrite(str(held_out / f"{n:06d}.png"), sample.image)
        script = HERE / "train_yolo26n.py"
        options = ("--minutes", seconds / 60, "--size", size, "--pictures", held_out)
        flat = ("--onnx", work / "yolo26n.onnx", "--height", input_wh(16, 9, size)[1])
        run(python, script, data / "data.yaml", *options, *flat, "--out", answer)
    return json.loads(answer.read_text(encoding="utf-8"))


def as_found(answers: list[dict]) -> list[Found]:
    """Turn YOLO's answers, in the order of the pictures' names, into arrays."""
    return [
        Found(
            np.array(answer["boxes"], np.float32).reshape(-1, 4),
            np.array(answer["scores"], np.float32),
            np.array(answer["class_ids"], np.int64),
        )
        for answer in sorted(answers, key=lambda answer: answer["file"])
    ]


def quantized(work: Path) -> tuple[object, ...]:
    """Return the arguments of `rtloc export` that make our file in 8 bits."""
    return (work / "rtloc_run" / "best.pt", "--precision", "int8", "-o", work / "rtloc_int8.onnx")


def latencies_ms(work: Path, size: int) -> list[list[float]]:
    """Time our two files and YOLO's in turn; return the medians of each, by round."""
    frames = sample_frames(SAMPLE)
    height, width = frames[0].shape[:2]
    yolo = open_with_openvino(work / "yolo26n.onnx", None)
    assert yolo.input_wh == input_wh(width, height, size)
    with (
        Localizer(work / "rtloc.onnx", backend="openvino") as plain,
        Localizer(work / "rtloc_int8.onnx", backend="openvino") as in_8_bits,
    ):
        sides = (plain.locate, in_8_bits.locate, yolo_call(yolo))
        return interleave(sides, frames, ROUNDS, CALLS)


def row(
    name: str,
    figures: Figures,
    seconds: float,
    pictures: tuple[int, int],
    file: Path,
    latency_ms: list[float],
) -> list[str]:
    """Lay out a line of the table; pictures: how many were seen, and how many different ones."""
    seen, different = pictures
    quality = [f"{figures.map50:.3f}", f"{figures.map50_95:.3f}"]
    size = f"{file.stat().st_size / 1e6:.2f}"
    learnt = [f"{seconds / 60:.1f}", f"{seen:,}", f"{min(seen, different):,}"]
    return [name, *quality, *learnt, size, f"{median(latency_ms):.2f}"]


if __name__ == "__main__":
    main()
