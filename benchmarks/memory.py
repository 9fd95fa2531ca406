"""Measure the peak memory of `rtloc video` on ever longer videos.

    python benchmarks/memory.py

The sample clip is repeated without encoding it again, so every part is as hard as every other.
"""

import tempfile
from pathlib import Path

import child
import click
import report
from long_clip import repeat_clip

SAMPLE = Path(__file__).parents[1] / "samples" / "pokemon.mp4"
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--clip", default=SAMPLE, type=A_FILE, help="[default: the sample]")
@click.option("--repeats", default="1,4,16", show_default=True, help="Times the clip is repeated.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(clip: Path, repeats: str, out: Path | None) -> None:
    """Measure the peak memory of `rtloc video` on ever longer videos."""
    before = report.machine()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for times in map(int, repeats.split(",")):
            source = Path(folder) / f"{times}.mp4"
            frames = repeat_clip(clip, source, times)
            records = ("--records", str(source.with_suffix(".jsonl")))
            target = ("-o", str(Path(folder) / "out.mp4"))
            with_video = child.run_python("-m", "rtloc", "video", str(source), *target, *records)
            without = child.run_python("-m", "rtloc", "video", str(source), "--no-video")
            rows.append([str(frames), f"{with_video.peak_mib:.0f}", f"{without.peak_mib:.0f}"])
    header = ["frames", "peak with video and records, MiB", "peak with --no-video, MiB"]
    body = f"{report.table(header, rows)}\n\nPeak resident set size of the whole process."
    report.publish("Memory of rtloc video", before, body, out)


if __name__ == "__main__":
    main()
