"""What `rtloc eval` prints: a table for people, or JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from rtloc.commands.eval_run import Count, Measured
from train.figures import Figures


def as_json(about: Mapping[str, str | int], measured: Measured) -> str:
    """Return all that was measured as a JSON object on one line."""
    return json.dumps(
        {
            **about,
            "pictures": measured.pictures,
            **asdict(measured.figures),
            "best_threshold": measured.best_threshold,
            "object_free": [asdict(one) for one in measured.free],
            "mistaken": None if measured.mistaken is None else asdict(measured.mistaken),
        },
        ensure_ascii=False,
    )


def as_table(about: Mapping[str, str | int], measured: Measured) -> str:
    """Lay out all that was measured in lines."""
    figures = measured.figures
    return "\n".join(
        [
            f"{about['model']} on {about['backend']} at {about['input_size']} px: {about['data']}",
            "",
            *average_precisions(figures),
            "",
            f"from the threshold {figures.threshold:.3g} on "
            f"(these pictures would choose {measured.best_threshold:.3g})",
            *line("precision", figures.precision),
            *line("recall", figures.recall),
            *line("mean IoU", figures.mean_iou),
            *line("classes right", figures.class_accuracy),
            *line("presence right", figures.presence_accuracy),
            *false_positives(measured),
        ]
    )


def average_precisions(figures: Figures) -> list[str]:
    """Return a line for all, for each class and for each size of box."""
    if not figures.ap50:
        return ["no true boxes in these pictures, so there is no mAP"]
    lines = [f"{'':<18}mAP@50  mAP@50:95", row("all", figures.map50, figures.map50_95)]
    lines += [row(label, ap, figures.ap50_95[label]) for label, ap in figures.ap50.items()]
    for size, text in (
        ("small", "small, < 1 %"),
        ("medium", "medium"),
        ("large", "large, ≥ 10 %"),
    ):
        if size in figures.map50_by_size:
            row_of_size = figures.map50_by_size[size], figures.map50_95_by_size[size]
            lines.append(row(text, *row_of_size))
    return lines


def row(name: str, ap50: float, ap50_95: float) -> str:
    """Lay out one line of average precisions."""
    return f"{name:<18}{ap50:6.3f}  {ap50_95:9.3f}"


def line(name: str, value: float | None) -> list[str]:
    """Lay out a figure, if it was measured."""
    return [] if value is None else [f"{name:<18}{value:6.3f}"]


def false_positives(measured: Measured) -> list[str]:
    """Return a line for each source of pictures without objects, and for the drawings."""
    if not measured.free and measured.mistaken is None:
        return []
    lines = ["", "false positives where there is no object"]
    lines += [f"{per(one, 1000)}  {one.source}" for one in measured.free]
    if len(measured.free) > 1:
        pictures, false = (sum(getattr(c, n) for c in measured.free) for n in ("pictures", "false"))
        lines.append(f"{per(Count('', pictures, false), 1000)}  all of these")
    if measured.mistaken is not None:
        lines.append(f"{per(measured.mistaken, 100)}  {measured.mistaken.source} taken for one")
    return lines


def per(one: Count, hundred: int) -> str:
    """Say how many of how many, and how many that is in a hundred or a thousand."""
    rate = hundred * one.false / max(1, one.pictures)
    return f"{rate:6.2f} in {hundred:<5,} ({one.false} in {one.pictures:,})"
