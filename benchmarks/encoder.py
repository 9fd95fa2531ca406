"""Measure x264's presets on the sample clip: CPU time, size, and how far from the source.

    python benchmarks/encoder.py

On one thread, in turn, round after round. PSNR is of the luma of all frames.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import av
import click
import numpy as np
import report

from rtloc.h264 import CRF, PRESET

SAMPLE = Path(__file__).parents[1] / "samples" / "pokemon.mp4"
USUAL = ("veryfast", "23")
SETTINGS = [("medium", "23"), USUAL, ("superfast", "23"), ("superfast", "24"), ("ultrafast", "23")]


@click.command()
@click.option("--frames", default=150, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(frames: int, rounds: int, out: Path | None) -> None:
    """Encode the first frames of the clip with each preset, and print the table."""
    before = report.machine()
    with av.open(str(SAMPLE)) as video:
        pictures = [f.to_ndarray() for f, _ in zip(video.decode(video=0), range(frames))]  # noqa: B905
    cpu_ms: dict[tuple[str, str], list[float]] = {one: [] for one in SETTINGS}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "out.mp4"
        for n in range(rounds):
            for one in SETTINGS:
                cpu_ms[one].append(encode_ms(pictures, target, *one))
                if n == rounds - 1:
                    rows.append([*one, target.stat().st_size, psnr_db(pictures, target)])
    usual = cpu_ms[USUAL]
    cells = [
        [
            f"{preset}, CRF {crf}" + ", rtloc's" * ((preset, crf) == (PRESET, CRF)),
            f"{median(cpu_ms[preset, crf]):.2f}",
            report.spread(report.ratios(cpu_ms[preset, crf], usual)),
            f"{size / len(pictures) / 1e3:.1f}",
            f"{db:.2f}",
        ]
        for preset, crf, size, db in rows
    ]
    header = ["x264", "CPU time a frame, ms", "of veryfast's", "kB a frame", "PSNR, dB"]
    body = (
        f"{report.table(header, cells)}\n\n{frames} frames of 1280×720; {rounds} rounds; medians."
    )
    report.publish("x264's presets", before, body, out)


def encode_ms(pictures: list[np.ndarray], target: Path, preset: str, crf: str) -> float:
    """Encode pictures, I420, on one thread; return the CPU time of one, in milliseconds."""
    began_s = time.process_time()
    with av.open(str(target), "w") as output:
        options = {"preset": preset, "crf": crf, "x264-params": "log-level=error"}
        stream = output.add_stream("libx264", rate=30, options=options)
        stream.height, stream.width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for n, planes in enumerate(pictures):
            picture = av.VideoFrame.from_numpy_buffer(planes, format="yuv420p")
            picture.pts = n
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return 1e3 * (time.process_time() - began_s) / len(pictures)


def psnr_db(pictures: list[np.ndarray], encoded: Path) -> float:
    """Compare the luma of an encoded video with the pictures that it was made of."""
    errors = []
    with av.open(str(encoded)) as video:
        for picture, planes in zip(video.decode(video=0), pictures, strict=True):
            height = planes.shape[0] * 2 // 3
            apart = picture.to_ndarray()[:height].astype(np.float32) - planes[:height]
            errors.append(float((apart**2).mean()))
    return float(10 * np.log10(255**2 / np.mean(errors)))


if __name__ == "__main__":
    main()
