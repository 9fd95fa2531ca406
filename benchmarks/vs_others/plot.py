"""Draw the frames a second of `compare.py`'s tables as bars.

python benchmarks/vs_others/plot.py benchmarks/RESULTS.md benchmarks/vs_others/fps.png
"""

from pathlib import Path

import click
from matplotlib.figure import Figure

OURS, THEIRS = "tab:green", "tab:gray"
PATH = click.Path(path_type=Path)


@click.command()
@click.argument("results", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=PATH)
def main(results: Path, out: Path) -> None:
    """Read the tables of RESULTS and write the picture OUT."""
    tables = tables_of(results.read_text(encoding="utf-8"))
    rows = sum(len(rows) for rows in tables.values())
    figure = Figure(figsize=(9, 0.28 * rows + 2), layout="constrained")
    heights = [len(rows) for rows in tables.values()]
    charts = figure.subplots(len(tables), 1, squeeze=False, height_ratios=heights)[:, 0]
    for chart, (title, bars) in zip(charts, tables.items(), strict=True):
        names = [name for name, _ in bars]
        colours = [OURS if name.startswith("rtloc") else THEIRS for name in names]
        drawn = chart.barh(names, [fps for _, fps in bars], color=colours)
        chart.bar_label(drawn, fmt="%.0f", padding=3)
        chart.invert_yaxis()
        chart.margins(x=0.1)
        chart.set(title=f"{title}: frames a second of the whole command")
    figure.savefig(out, dpi=110)


def tables_of(text: str) -> dict[str, list[tuple[str, float]]]:
    """Read names and frames a second out of Markdown tables, by their first heading."""
    found: dict[str, list[tuple[str, float]]] = {}
    title = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            title = None
        elif title is None:
            title = cells[0]
            found[title] = []
        elif not cells[0].startswith("---"):
            found[title].append((cells[0], float(cells[1])))
    return found


if __name__ == "__main__":
    main()
