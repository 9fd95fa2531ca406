"""Draw what was measured: how latencies are spread, and what waiting does to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rtloc.bench.closed_loop import Measured
from rtloc.bench.open_loop import OpenRun
from rtloc.bench.samples import END_TO_END
from rtloc.errors import RtlocError, UsageError
from rtloc.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

INCHES = (6.0, 4.2)  # of one chart


def check_plotting(path: Path) -> None:
    """Make sure that a picture can be drawn.

    Raises:
        UsageError: there is no such kind of picture.
        RtlocError: Matplotlib is not installed.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError as error:
        raise RtlocError(
            '--plot needs Matplotlib, which is not installed; pip install "rtloc[plot]"'
        ) from error
    if path.suffix.lower().removeprefix(".") not in FigureCanvasBase.filetypes:
        raise UsageError(f"cannot draw {path}; end its name in .png or .svg")


def draw_plot(
    path: Path, measured: Sequence[Measured], runs: Sequence[OpenRun], bound_ms: float
) -> None:
    """Write the charts as a picture; the open loop's, where it ran.

    Raises:
        RtlocError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    charts = 2 if len(runs) > 1 else 1
    figure = Figure(figsize=(INCHES[0] * charts, INCHES[1]), layout="constrained")
    axes = figure.subplots(1, charts, squeeze=False)[0]
    spread_chart(axes[0], measured)
    if charts > 1:
        rate_chart(axes[1], runs, bound_ms)
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=120)


def spread_chart(axes: Axes, measured: Sequence[Measured]) -> None:
    """Draw the share of samples up to each latency, every sample of it."""
    for one in measured:
        for stage, style in (("locate", "-"), (END_TO_END, "--")):
            values = np.sort(one.samples_ms[stage])
            share = 100 * np.arange(1, len(values) + 1) / len(values)
            axes.plot(values, share, style, label=f"{one.engine}, {stage}")
    axes.set(xscale="log", xlabel="latency, ms", ylabel="samples up to that, %")
    number_plainly(axes.xaxis)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")


def rate_chart(axes: Axes, runs: Sequence[OpenRun], bound_ms: float) -> None:
    """Draw latency from arrival over the rate of arrival."""
    rates = [run.rate_fps for run in runs]
    axes.plot(rates, [run.latency.p50_ms for run in runs], "o-", label="p50")
    axes.plot(rates, [run.latency.p99_ms for run in runs], "o-", label="p99")
    axes.axhline(bound_ms, color="grey", linestyle=":", label=f"bound, {bound_ms:g} ms")
    axes.set(yscale="log", xlabel="frames that arrive in a second", ylabel="latency, ms")
    number_plainly(axes.yaxis)
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small")


def number_plainly(axis: Axis) -> None:
    """Write 2, 3, 5 and 10 at a logarithmic axis, and no powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
