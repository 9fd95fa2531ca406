"""Draw the precision over the recall of a model, as a PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Drawing

from train.coco import Precisions
from train.figures import Figures
from train.whole_file import whole_file

WIDTH_PX, HEIGHT_PX, DPI = 800, 600, 100


def draw_precision_recall(curves: Precisions, figures: Figures, path: Path, title: str) -> None:
    """Draw a curve for each class at IoU 0.5, their mean, and where the threshold lies.

    Raises:
        TrainError: it cannot be written there.
    """
    recalls = np.linspace(0, 1, curves.table.shape[1])
    by_label = curves.curves()
    drawing = Drawing(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), layout="constrained")
    axes = drawing.subplots()
    for label, row in by_label.items():
        axes.plot(recalls, row, linewidth=1, label=f"{label}, AP {figures.ap50[label]:.3f}")
    if len(by_label) > 1:
        mean = np.mean(list(by_label.values()), axis=0)
        axes.plot(recalls, mean, "k", linewidth=2, label=f"mean, mAP@50 {figures.map50:.3f}")
    at = f"threshold {figures.threshold:.3g}: {figures.precision:.3f} at {figures.recall:.3f}"
    axes.plot(figures.recall, figures.precision, "ko", label=at)
    axes.set(
        xlabel="recall", ylabel="precision at IoU 0.5", xlim=(0, 1.01), ylim=(0, 1.01), title=title
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    with whole_file(path) as partial:
        drawing.savefig(partial, dpi=DPI, format="png")
