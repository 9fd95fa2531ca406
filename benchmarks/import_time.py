"""Measure what starting costs: of `import rtloc`, `--help`, a first answer, a video's first frame.

    python benchmarks/import_time.py

The time of a bare `python -c pass` is taken off.
"""

from pathlib import Path
from statistics import median

import child
import click
import report

BARE = "pass"
CLIP = Path(__file__).parents[1] / "samples/pokemon.mp4"
CODE = {
    "import rtloc": "import rtloc",
    "rtloc --help": "from rtloc.cli import group; group.main(['--help'], standalone_mode=False)",
    "Localizer() and a first frame": (
        "import numpy; from rtloc import Localizer; "
        "Localizer().locate(numpy.zeros((720, 1280, 3), numpy.uint8))"
    ),
    "rtloc video, from the command to the end of the first frame": (
        f"import sys; sys.argv[1:] = ['video', {str(CLIP)!r}, '--no-video', '--end', '0.01']; "
        "from rtloc.cli import main; main()"
    ),
}
NO_TORCH = "; import sys; assert 'torch' not in sys.modules, 'torch was imported'"


@click.command()
@click.option("--rounds", default=11, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(rounds: int, out: Path | None) -> None:
    """Measure what starting costs; fail if torch is imported."""
    before = report.machine()
    child.run_python("-c", BARE)
    bare: list[child.Child] = []
    rows: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in CODE}
    for _ in range(rounds):
        bare.append(child.run_python("-c", BARE))
        for name, code in CODE.items():
            one = child.run_python("-c", code + NO_TORCH)
            rows[name][0].append(one.cpu_s - bare[-1].cpu_s)
            rows[name][1].append(one.wall_s - bare[-1].wall_s)
    lines = [
        [name, f"{median(cpu_s):.3f}", f"{median(wall_s):.3f}"]
        for name, (cpu_s, wall_s) in rows.items()
    ]
    header = ["", "CPU, s", "wall, s"]
    body = f"{report.table(header, lines)}\n\nMedians of {rounds} rounds. torch is not imported."
    report.publish("Starting", before, body, out)


if __name__ == "__main__":
    main()
