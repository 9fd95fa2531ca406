"""Keep what the stages reached: as JSON to go on from, and as a table to read."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from engines.cores import processor_name
from train.errors import TrainError
from train.single_loss import PULL
from train.stage_recipes import PLANS, TARGETS, HeadName, Plan
from train.stage_runs import StageRun
from train.stages import STAGES
from train.whole_file import whole_file

FIGURES = {
    "mean_iou": "mean IoU",
    "class_accuracy": "class accuracy",
    "presence_accuracy": "presence accuracy",
    "map50": "mAP@50",
    "map50_95": "mAP@50:95",
}
HOW_LEARNT = (
    "Both heads learn from binary cross entropy on the five numbers and cross entropy on the "
    "classes. To these the dense head adds GIoU terms; its objectness is asked for half the IoU of "
    "its box and a half, and in the surest cells once more where an object may be absent, but not "
    "among many. The single head adds nothing to the loss, but its boxes have "
    f"another gradient: evenly for small and large objects, and {PULL:.0f} times as hard in all; "
    "and its cells are judged by how far off their boxes are (`train/single_loss.py`). With "
    "`--plain-loss` either learns from the cross entropies and nothing else."
)
HEADER = ("stage", "head", *FIGURES.values(), "training seconds", "pictures seen", "pixels")


@dataclass(frozen=True)
class Result:
    """What a stage reached, how, and where; `figures` by the names in FIGURES."""

    stage: str
    head: str
    figures: Mapping[str, float]
    seconds: float
    pictures: int
    measured_on: int
    plan: Mapping[str, Any]
    machine: str


def result_of(stage: str, head: HeadName, plan: Plan, count: int, run: StageRun) -> Result:
    """Return the result of a run that was measured on `count` pictures."""
    numbers = run.figures.numbers()
    figures = {name: round(numbers[name], 4) for name in FIGURES if name in numbers}
    seconds = round(run.seconds, 1)
    return Result(stage, head, figures, seconds, run.pictures, count, plain(plan), machine_name())


def plain(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON gives it back."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    return values


def read_results(path: Path) -> list[Result]:
    """Read the results in a file; none if it is not there.

    Raises:
        TrainError: it holds something else.
    """
    if not path.exists():
        return []
    try:
        results = [Result(**row) for row in json.loads(path.read_text("utf-8"))]
        if any(r.stage not in STAGES or r.head not in PLANS for r in results):
            raise ValueError("no such stage or head")
    except (ValueError, TypeError) as error:
        raise TrainError(f"{path} holds no results of this `rtloc stages`; remove it") from error
    return results


def with_result(results: Sequence[Result], new: Result) -> list[Result]:
    """Return the results with a new one in the place of an older one, in the stages' order."""
    others = [r for r in results if (r.stage, r.head) != (new.stage, new.head)]
    stages, heads = list(STAGES), [str(head) for head in PLANS]
    return sorted([*others, new], key=lambda r: (stages.index(r.stage), heads.index(r.head)))


def write_results(folder: Path, results: Sequence[Result]) -> None:
    """Write `results.json` and `table.md`, each whole or not at all.

    Raises:
        TrainError: they cannot be written.
    """
    rows = [asdict(result) for result in results]
    for name, text in (
        ("results.json", json.dumps(rows, indent=1, ensure_ascii=False) + "\n"),
        ("table.md", table(results)),
    ):
        with whole_file(folder / name) as partial:
            partial.write_text(text, "utf-8")


def table(results: Sequence[Result]) -> str:
    """Lay the results out in Markdown, with the contact sheets below."""
    counts = " or ".join(f"{n:,}" for n in sorted({r.measured_on for r in results}))
    lines = [
        "# The stages, each trained from nothing",
        "",
        f"`rtloc stages` on {machines(results)}. Measured on {counts} generated pictures over "
        "photos that were never trained on; a figure below its target is in parentheses. Training "
        "seconds are those of the loop, without measuring.",
        "",
        HOW_LEARNT,
        "",
        *table_rows(results),
        "",
        "In the pictures the true box is blue, the found one orange.",
    ]
    for result in results:
        lines += ["", f"## {result.stage}, {result.head} head", "", f"![]({sheet_name(result)})"]
    return "\n".join(lines) + "\n"


def machines(results: Sequence[Result]) -> str:
    """Name the machine of most results, and those of others with what ran there."""
    by_machine: dict[str, list[str]] = {}
    for result in results:
        by_machine.setdefault(result.machine, []).append(f"{result.stage} {result.head}")
    most, *others = sorted(by_machine.items(), key=lambda one: -len(one[1]))
    return "; ".join([most[0], *(f"{name} ({', '.join(rows)})" for name, rows in others)])


def table_rows(results: Sequence[Result]) -> list[str]:
    """Return the lines of the table."""
    rows = [HEADER, ("---",) * len(HEADER)]
    for result in results:
        figures = [figure_text(result, name) for name in FIGURES]
        cost = (f"{result.seconds:.0f}", f"{result.pictures:,}", str(result.plan["size"]))
        loss = ", plain loss" if result.plan.get("plain_loss") else ""
        rows.append((result.stage, result.head + loss, *figures, *cost))
    return [f"| {' | '.join(row)} |" for row in rows]


def figure_text(result: Result, name: str) -> str:
    """Write a figure, in parentheses where it is below its target."""
    if name not in result.figures:
        return "–"
    target = TARGETS[result.stage]
    least = {
        "mean_iou": target.mean_iou,
        "class_accuracy": target.accuracy,
        "presence_accuracy": target.accuracy,
    }.get(name)
    value = result.figures[name]
    return f"{value:.3f}" if least is None or value >= least else f"({value:.3f})"


def sheet_name(result: Result) -> str:
    """Return the file name of the contact sheet."""
    return f"{result.stage}-{result.head}.jpg"


def machine_name() -> str:
    """Say on what this runs: processor, cores, torch."""
    if torch.cuda.is_available():
        what = torch.cuda.get_device_name()
    else:
        what = f"{processor_name()}, {torch.get_num_threads()} cores"
    return f"{what}, torch {torch.__version__.split('+')[0]}"
