"""Compare whole commands over the same video: rtloc, Ultralytics, a plain script, supervision.

    python benchmarks/vs_others/compare.py --rtloc-venv RTLOC_VENV --yolo-venv YOLO_VENV \\
        --yolo-models out/yolo --supervision-venv SUPERVISION_VENV --out benchmarks/RESULTS.md

Each side has a virtual environment of its own; `../README.md` says what is in them. All run in
turn, round after round, each a process of its own, on all cores. A side's frames per second are
those of the video by the time of the whole process; its start is the time of the whole process over
a video of one frame. Memory is the process's peak.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import av
import click
from click import Path as PathType

sys.path.insert(0, str(Path(__file__).parents[1]))
import child
import report
from long_clip import repeat_clip

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "samples" / "pokemon.mp4"
FLOAT_MODEL = HERE.parents[1] / "engines" / "models" / "pokemon-fp32.onnx"
NETWORKS, SIZES = ("yolo26n", "yolo11n"), (320, 640)
FORMS = {"torch": ".pt", "ONNX Runtime": ".onnx", "OpenVINO": "_openvino_model"}
A_FOLDER = PathType(path_type=Path, exists=True, file_okay=False)


@dataclass
class Side:
    """Something that goes through a video, and what was measured of it, round by round.

    command: {video} and {out} stand for the files; venv: what it needs installed; writes: whether
    it writes an annotated video.
    """

    name: str
    command: Sequence[str]
    venv: Path
    writes: bool
    fps: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    latency_ms: list[float] = field(default_factory=list)


@click.command()
@click.option("--rtloc-venv", required=True, type=A_FOLDER, help="`pip install .`, no more.")
@click.option("--yolo-venv", required=True, type=A_FOLDER)
@click.option("--yolo-models", required=True, type=A_FOLDER, help="Of prepare_yolo.py.")
@click.option("--supervision-venv", required=True, type=A_FOLDER)
@click.option("--repeat", default=2, show_default=True, help="Times the clip is repeated.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=PathType(path_type=Path), help="Write the section to this file too.")
def main(
    rtloc_venv: Path,
    yolo_venv: Path,
    yolo_models: Path,
    supervision_venv: Path,
    repeat: int,
    rounds: int,
    out: Path | None,
) -> None:
    """Run all sides in turn, and print the tables."""
    before = report.machine()
    sides = [*own_sides(rtloc_venv), *other_sides(supervision_venv)]
    sides += yolo_sides(yolo_venv, yolo_models)
    with tempfile.TemporaryDirectory() as folder:
        long, one = Path(folder) / "long.mp4", Path(folder) / "one.mp4"
        frames = repeat_clip(SAMPLE, long, repeat)
        first_frame(SAMPLE, one)
        for n in range(rounds):
            for side in sides:
                click.echo(f"round {n + 1} of {rounds}: {side.name}", err=True)
                measure(side, long, one, frames)
    body = "\n\n".join(tables(sides))
    body += (
        f"\n\n{frames} frames of 1280×720, {rounds} rounds, all sides in turn; medians, and of "
        "ratios the median (least..greatest) of the rounds. Frames/s: of the whole command. Start: "
        "the whole command over a video of one frame. Latency: as the side itself reports it, of "
        "locating one frame (of rtloc: eight together, as `rtloc video` does).\n\n"
        "![Frames a second of each side, as bars](vs_others/fps.png)\n\n"
        "rtloc writes H.264, Ultralytics Motion JPEG, the other two MPEG-4 part 2: both encode "
        "faster, and browsers play neither. The plain script runs the float32 form of rtloc's "
        "model on ONNX Runtime, rtloc its 8-bit form on OpenVINO. Installed: with the torch that "
        "pip takes, which brings CUDA."
    )
    report.publish("Whole commands over a video", before, body, out)


def own_sides(venv: Path) -> list[Side]:
    """Rtloc, writing a video and not."""
    start = [str(venv / "bin" / "rtloc"), "video", "{video}"]
    return [
        Side("rtloc video -o", [*start, "-o", "{out}"], venv, writes=True),
        Side("rtloc video --no-video", [*start, "--no-video"], venv, writes=False),
    ]


def other_sides(venv: Path) -> list[Side]:
    """The plain script and supervision's loop, which may share an environment."""
    python = str(venv / "bin" / "python")
    plain = [python, str(HERE / "plain_script.py"), str(FLOAT_MODEL), "{video}"]
    loop = [python, str(HERE / "supervision_loop.py"), "{video}"]
    return [
        Side("plain script, writing", [*plain, "{out}"], venv, writes=True),
        Side("plain script", plain, venv, writes=False),
        Side("supervision's loop, writing", [*loop, "{out}"], venv, writes=True),
        Side("supervision's loop", loop, venv, writes=False),
    ]


def yolo_sides(venv: Path, models: Path) -> list[Side]:
    """Ultralytics with each network, size and form; the fastest size writes a video, too."""
    sides = []
    for network in NETWORKS:
        for size in SIZES:
            for form, suffix in FORMS.items():
                for writes in (True, False) if size == min(SIZES) else (False,):
                    model = models / f"{network}_{size}{suffix}"
                    command = [
                        str(venv / "bin" / "yolo"),
                        *("predict", f"model={model}", "source={video}", f"imgsz={size}"),
                        *("device=cpu", f"save={writes}", "project={folder}"),
                    ]
                    name = f"{network}, {size} px, {form}" + ", writing" * writes
                    sides.append(Side(name, command, venv, writes))
    return sides


def measure(side: Side, long: Path, one: Path, frames: int) -> None:
    """Run a side over the video and over the single frame, once each."""
    run, start = run_side(side, long), run_side(side, one)
    side.fps.append(frames / run.wall_s)
    side.start_s.append(start.wall_s)
    side.peak_mib.append(run.peak_mib)
    side.latency_ms += reported_ms(run)


def run_side(side: Side, video: Path) -> child.Child:
    """Run a side over a video, in a folder that is emptied first."""
    folder = video.parent / "work"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    names = {"video": str(video), "out": str(folder / "out.mp4"), "folder": str(folder)}
    return child.run([part.format(**names) for part in side.command])


def reported_ms(run: child.Child) -> list[float]:
    """Read out of what a side printed how long locating took; it may not have said."""
    ultralytics = re.search(
        r"Speed: ([\d.]+)ms preprocess, ([\d.]+)ms inference, ([\d.]+)ms postprocess", run.output
    )
    if ultralytics:
        return [sum(float(part) for part in ultralytics.groups())]
    own = re.search(r"locating(?: (\d+) at once)? ([\d.]+) ms median", run.output)
    return [float(own[2])] if own else []


def first_frame(source: Path, target: Path) -> None:
    """Write a video of one frame."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        picture = next(reader.decode(video=0))
        stream = writer.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        picture.pts = 0
        writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))


def tables(sides: list[Side]) -> list[str]:
    """Lay out all sides: those that write a video, and those that do not, each against rtloc's."""
    found = []
    for writes in (True, False):
        rows = []
        ours = next(side for side in sides if side.writes == writes)
        for side in [one for one in sides if one.writes == writes]:
            latency = f"{median(side.latency_ms):.1f}" if side.latency_ms else ""
            rows.append(
                [
                    side.name,
                    f"{median(side.fps):.1f}",
                    report.spread(report.ratios(ours.fps, side.fps), 1),
                    latency,
                    f"{median(side.start_s):.2f}",
                    report.spread(report.ratios(side.start_s, ours.start_s), 1),
                    f"{median(side.peak_mib):.0f}",
                    f"{installed_mib(side.venv):.0f}",
                ]
            )
        header = [
            "writing an annotated video" if writes else "writing none",
            "frames/s",
            "rtloc is faster, times",
            "latency, ms",
            "start, s",
            "rtloc is sooner, times",
            "peak memory, MiB",
            "installed, MiB",
        ]
        found.append(report.table(header, rows))
    return found


def installed_mib(venv: Path) -> float:
    """Return the size of all packages in an environment but the installer's own."""
    (packages,) = (venv / "lib").glob("python*/site-packages")
    own = {"pip", "setuptools", "wheel"}
    files = [
        path
        for path in packages.rglob("*")
        if path.is_file() and path.relative_to(packages).parts[0].partition("-")[0] not in own
    ]
    return sum(path.stat().st_size for path in files) / 2**20


if __name__ == "__main__":
    main()
