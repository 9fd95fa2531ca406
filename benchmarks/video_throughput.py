"""Compare `rtloc video` with bare loops that do nothing but decode, or decode and encode.

    python benchmarks/video_throughput.py

The sample clip is repeated without encoding it again. (a) `rtloc video --no-video` against a loop
of OpenCV's `VideoCapture.read`; (b) `rtloc video -o` against PyAV decoding and encoding each
picture as it is, without sound, with the settings of rtloc's own writer and (c) with x264's
`veryfast`, which most take. Every run is a process of its own. Two ratios are given: of the work
(rtloc's own closing line against the loop inside its process, starting up left out), and of whole
processes.

    python benchmarks/video_throughput.py --bare decode IN
    python benchmarks/video_throughput.py --bare encode IN --to OUT
    python benchmarks/video_throughput.py --bare veryfast IN --to OUT

are the bare loops; each prints its seconds.
"""

import re
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import child
import click
import report

SAMPLE = Path(__file__).parents[1] / "samples" / "pokemon.mp4"
TARGETS = {"decode": "0.75", "encode": "", "veryfast": "0.90"}
USUAL = ("veryfast", "23")  # x264's preset and quality
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--clip", default=SAMPLE, type=A_FILE, help="[default: the sample]")
@click.option("--repeat", default=12, show_default=True, help="Times the clip is repeated.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
@click.option("--bare", type=click.Choice(list(TARGETS)), hidden=True)
@click.option("--to", type=click.Path(path_type=Path), hidden=True)
@click.argument("source", required=False, type=A_FILE)
def main(
    clip: Path,
    repeat: int,
    rounds: int,
    out: Path | None,
    bare: str | None,
    to: Path | None,
    source: Path | None,
) -> None:
    """Compare `rtloc video` with bare loops over the same file."""
    if bare == "decode" and source:
        click.echo(f"seconds {timed_decode(source):.4f}", err=True)
    elif bare and source and to:
        click.echo(f"seconds {timed_encode(source, to, bare == 'encode'):.4f}", err=True)
    else:
        compare(clip, repeat, rounds, out)


def compare(clip: Path, repeat: int, rounds: int, out: Path | None) -> None:
    """Run all four in turn, round after round, and print the table."""
    from long_clip import repeat_clip  # the bare loops' processes need not pay for its import

    before = report.machine()
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "in.mp4"
        frames = repeat_clip(clip, long, repeat)
        rows = []
        for kind, target in TARGETS.items():
            ours, theirs, whole = [], [], []
            for _ in range(rounds):
                mine, its = rtloc_run(kind, long), bare_run(kind, long)
                ours.append(closing_fps(mine.stderr))
                theirs.append(frames / loop_seconds(its.stderr))
                whole.append(its.wall_s / mine.wall_s)
            work = report.spread(report.ratios(ours, theirs))
            medians = [f"{median(values):.0f}" for values in (ours, theirs)]
            rows.append([kind, *medians, work, report.spread(whole), target])
    header = ["against", "rtloc, frames/s", "bare, frames/s", "ratio", "whole processes", "target"]
    body = (
        f"{report.table(header, rows)}\n\n"
        f"{frames} frames of 1280×720: the clip {repeat} times. {rounds} interleaved rounds; "
        "medians; ratios: median (least..greatest) of the rounds."
    )
    report.publish("Throughput of rtloc video", before, body, out)


def rtloc_run(kind: str, source: Path) -> child.Child:
    """Run `rtloc video` on a file."""
    output = ("--no-video",) if kind == "decode" else ("-o", str(source.with_name("ours.mp4")))
    return child.run_python("-m", "rtloc", "video", str(source), *output)


def bare_run(kind: str, source: Path) -> child.Child:
    """Run a bare loop on a file, in a process of its own."""
    target = () if kind == "decode" else ("--to", str(source.with_name("bare.mp4")))
    return child.run_python(__file__, "--bare", kind, str(source), *target)


def closing_fps(stderr: str) -> float:
    """Read the frames per second out of rtloc's closing line."""
    found = re.search(r"([\d.]+) FPS end to end", stderr)
    if not found:
        raise click.ClickException(f"no closing line in {stderr!r}")
    return float(found[1])


def loop_seconds(stderr: str) -> float:
    """Read what a bare loop printed."""
    return float(stderr.split("seconds ")[1])


def timed_decode(source: Path) -> float:
    """Decode a file with OpenCV; return how many seconds that took."""
    import cv2

    started = time.perf_counter()
    capture = cv2.VideoCapture(str(source))
    while capture.read()[0]:
        pass
    return time.perf_counter() - started


def timed_encode(source: Path, target: Path, as_rtloc: bool) -> float:
    """Decode a file and encode its pictures again; return how many seconds that took."""
    import av

    from rtloc.h264 import CRF, KEY_FRAME_S, MP4_OPTIONS, PRESET
    from rtloc.video_writer import THREADS

    started = time.perf_counter()
    with av.open(str(source)) as reader, av.open(str(target), "w", options=MP4_OPTIONS) as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        rate, time_base = video.average_rate, video.time_base
        assert rate is not None
        assert time_base is not None
        preset, crf = (PRESET, CRF) if as_rtloc else USUAL
        options = {"preset": preset, "crf": crf, "x264-params": "log-level=error"}
        encoder = writer.add_stream("libx264", rate=rate, options=options)
        encoder.width, encoder.height, encoder.pix_fmt = video.width, video.height, "yuv420p"
        encoder.time_base = encoder.codec_context.time_base = time_base
        encoder.codec_context.gop_size = round(KEY_FRAME_S * rate)
        encoder.codec_context.thread_type = THREADS
        for picture in reader.decode(video):
            picture.pict_type = 0  # the encoder chooses, as it does for rtloc's pictures
            writer.mux(encoder.encode(picture))
        writer.mux(encoder.encode(None))
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
