"""Draw the precision over the recall of a model, as a PNG."""

import warnings
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from train.coco import Precisions
from train.figures import Figures
from train.whole_file import whole_file

WIDTH_PX, HEIGHT_PX, DPI = 800, 600, 100
NAMED = 12  # curves; of more the legend would hide them


def draw_precision_recall(curves: Precisions, figures: Figures, path: Path, title: str) -> None:
    """Draw a curve for each class at IoU 0.5, their mean, and where the threshold lies.

    Raises:
        TrainError: it cannot be written there.
    """
    recalls = np.linspace(0, 1, curves.table.shape[1])
    by_label = curves.curves()
    drawing = Drawing(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), layout="constrained")
    axes = drawing.subplots()
    named: dict[str, Line2D] = {}
    for label, row in by_label.items():
        (line,) = axes.plot(recalls, row, linewidth=1)
        if len(by_label) <= NAMED:
            named[f"{label}, AP {figures.ap50[label]:.3f}"] = line
    if len(by_label) > 1:
        mean = np.mean(list(by_label.values()), axis=0)
        (line,) = axes.plot(recalls, mean, "k", linewidth=2)
        named[f"mean, mAP@50 {figures.map50:.3f}"] = line
    at = f"threshold {figures.threshold:.3g}: {figures.precision:.3f} at {figures.recall:.3f}"
    (named[at],) = axes.plot(figures.recall, figures.precision, "ko")
    axes.set(xlabel="recall", ylabel="precision at IoU 0.5", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.set_title(title, parse_math=False)
    axes.grid(alpha=0.3)
    draw_legend(axes, named)
    with whole_file(path) as partial, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of letters that the font has not
        drawing.savefig(partial, dpi=DPI, format="png")


def draw_legend(axes: Axes, named: dict[str, Line2D]) -> None:
    """Name lines, whatever the names: Matplotlib leaves out `_mug` and takes `$mug$` for maths."""
    legend = axes.legend(
        list(named.values()), [str(n) for n in range(len(named))], loc="lower left"
    )
    for text, name in zip(legend.get_texts(), named, strict=True):
        text.set_text(name)
        text.set_parse_math(False)
    legend.set_in_layout(False)  # long names would leave the curves no room
