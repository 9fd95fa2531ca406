"""The options of `rtloc bench`."""

from dataclasses import dataclass
from pathlib import Path

import click

from engines.backends import BACKENDS
from rtloc.bench.frames import SYNTHETIC
from rtloc.commands.options import NumberRange, input_size_option, parse_size_wh, track_option

A_FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class Asked:
    """What was asked for, as the options of the command say it."""

    model: str
    backend: str
    source: str
    size: tuple[int, int] | None
    input_size: int | None
    batch: int
    threads: int | None
    duration: float
    frames: int | None
    track: bool
    encode: bool
    rate: float | None
    sweep: bool
    bound: float
    streams: bool
    stream_fps: float
    json: Path | None
    markdown: bool
    plot: Path | None
    compare: Path | None
    fail_above: float | None


BENCH_OPTIONS = (
    click.option(
        "--backend",
        type=click.Choice(["auto", "all", *BACKENDS]),
        default="auto",
        show_default=True,
        help="What runs the model; all: every one that works here, in turn.",
    ),
    click.option(
        "--source",
        default=SYNTHETIC,
        show_default=True,
        metavar="FILE|CAMERA|synthetic",
        help="Where frames come from; made ones hold no objects.",
    ),
    click.option(
        "--size",
        metavar="WxH",
        callback=parse_size_wh,
        help="Of made frames, or for the camera.  [default: 1280x720; as it likes]",
    ),
    input_size_option,
    click.option(
        "--batch", type=click.IntRange(1), default=1, show_default=True, help="Located at once."
    ),
    click.option("--threads", type=click.IntRange(1), help="For one inference."),
    click.option(
        "--duration",
        type=NumberRange(0, min_open=True),
        default=10.0,
        show_default=True,
        help="Of measuring, in seconds for each backend; of --rate, too.",
    ),
    click.option("--frames", type=click.IntRange(1), help="Measure so many instead."),
    track_option(default=True),
    click.option(
        "--encode", is_flag=True, help="Encode, too; its threads go on beside the next frame."
    ),
    click.option(
        "--rate",
        type=NumberRange(0, min_open=True),
        help="Then let frames arrive at this rate a second; waiting counts.",
    ),
    click.option("--sweep", is_flag=True, help="Then find the highest rate that is held."),
    click.option(
        "--bound",
        type=NumberRange(0, min_open=True),
        default=33.3,
        show_default=True,
        help="Of --rate and --sweep, ms: held is what keeps 99 of 100 frames within it.",
    ),
    click.option("--streams", is_flag=True, help="Then find how many cameras are held at a time."),
    click.option(
        "--stream-fps",
        type=NumberRange(0, min_open=True),
        default=30.0,
        show_default=True,
        help="Frames that each camera of --streams sends a second.",
    ),
    click.option("--json", type=A_FILE, help="Write everything, every sample, to this file."),
    click.option("--markdown", is_flag=True, help="Print Markdown."),
    click.option("--plot", type=A_FILE, help="Draw the latencies, as .png or .svg."),
    click.option("--compare", type=A_FILE, metavar="OLD.json", help="Say what is faster."),
    click.option(
        "--fail-above",
        type=NumberRange(1),
        metavar="RATIO",
        help="With --compare: exit code 1 where a frame takes more times as long, beyond noise.",
    ),
)
