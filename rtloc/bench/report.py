"""Lay out what was measured: as JSON, and as tables for people or for Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from rtloc.bench.closed_loop import Measured
from rtloc.bench.compare import Comparison, Ratio, paired
from rtloc.bench.machine import lines, peak_memory_mib, threads
from rtloc.bench.open_loop import OpenRun, highest_held
from rtloc.bench.samples import END_TO_END, summary
from rtloc.bench.streams import StreamsRun, streams_held

RATIO_HEADER = ("backend", "stage", "ratio", "95 %", "verdict")
FIGURES = ("min", "p50", "p90", "p99", "max", "mean", "jitter")
Rows = list[list[str]]


@dataclass(frozen=True)
class Part:
    """A part of a report: a heading, a table, and lines below it."""

    title: str
    header: Sequence[str]
    rows: Rows
    notes: Sequence[str]


def as_json(
    machine: dict[str, Any], settings: dict[str, Any], measured: Sequence[Measured]
) -> dict[str, Any]:
    """Gather everything, raw samples included."""
    return {
        "machine": machine,
        "settings": settings,
        "peak_memory_mib": round(peak_memory_mib(), 1),
        "threads": threads(),
        "backends": [backend_json(one) for one in measured],
    }


def backend_json(one: Measured) -> dict[str, Any]:
    """Gather what was measured of one backend."""
    return {
        "name": one.backend,
        "engine": one.engine,
        "reason": one.reason,
        "warm_up": asdict(one.warm_up),
        "frames": one.frames,
        "seconds": one.seconds,
        "throughput_fps": one.throughput_fps,
        "cpu_s": one.cpu_s,
        "stages": {stage: asdict(summary(values)) for stage, values in one.samples_ms.items()},
        "device": {part: asdict(summary(values)) for part, values in one.device_ms.items()},
        "rounds_ms": one.rounds_ms,
        "calibration_ms": one.calibration_ms,
        "samples_ms": {k: [round(ms, 5) for ms in v] for k, v in one.samples_ms.items()},
    }


def stages_part(one: Measured) -> Part:
    """Lay out the stages of one backend."""
    rows = [figures_row(stage, values) for stage, values in one.samples_ms.items()]
    rows += [figures_row(f"device: {part}", values) for part, values in one.device_ms.items()]
    count = len(one.samples_ms[END_TO_END])
    of = "a frame" if one.batch == 1 else f"{one.batch} frames together"
    notes = [
        f"{one.throughput_fps:.1f} frames/s · {1e3 * one.cpu_s / one.frames:.2f} ms of CPU time a "
        f"frame, {one.cpu_s / one.seconds:.2f} cores busy",
        f"{count} samples, each of {of}, none left out; {one.warm_up.text()}",
    ]
    return Part(f"{one.engine} ({one.reason}), ms", ["stage", *FIGURES], rows, notes)


def figures_row(name: str, samples_ms: Sequence[float]) -> list[str]:
    """Write a row of figures."""
    found = asdict(summary(samples_ms))
    return [name, *(digits(found[f"{figure}_ms"]) for figure in FIGURES)]


def digits(value_ms: float) -> str:
    """Write milliseconds with three digits that count, or to the microsecond."""
    decimals = 3 if value_ms < 1e-3 else 2 - math.floor(math.log10(value_ms))
    return f"{value_ms:.{min(3, max(0, decimals))}f}"


def against_part(measured: Sequence[Measured]) -> Part:
    """Compare the backends with the first, round by round."""
    first, *others = measured
    rows = []
    for one in others:
        for stage in ("locate", END_TO_END):
            ratio = paired(one.rounds_ms[stage], first.rounds_ms[stage])
            rows.append([one.engine, stage, *ratio_cells(ratio)])
    note = (
        f"times by those of the same round of {first.engine}; medians of "
        f"{len(first.rounds_ms[END_TO_END])} rounds in turn"
    )
    return Part(f"Against {first.engine}", RATIO_HEADER, rows, [note])


def ratio_cells(ratio: Ratio) -> list[str]:
    """Write a ratio."""
    return [f"{ratio.ratio:.3f}", f"{ratio.low:.3f}..{ratio.high:.3f}", ratio.verdict]


def comparison_part(found: Comparison) -> Part:
    """Lay out a comparison with an older run."""
    rows = [[*key, *ratio_cells(ratio)] for key, ratio in found.rows.items()]
    return Part("Against the older run", RATIO_HEADER, rows, found.notes)


def open_part(runs: Sequence[OpenRun], bound_ms: float) -> Part:
    """Lay out the runs of the open loop."""
    rows = []
    for run in runs:
        cells = [digits(value) for value in (run.latency.p50_ms, run.latency.p99_ms)]
        held = "held" if run.holds(bound_ms) else "lost"
        rows.append([f"{run.rate_fps:.1f}", *cells, digits(run.latency.max_ms), held])
    notes = [
        "latency from when a frame was due, so that waiting counts; held: 99 of 100 within "
        f"{bound_ms:g} ms"
    ]
    if len(runs) > 1:
        highest = highest_held(list(runs), bound_ms)
        notes.append(f"highest rate held: {highest:.1f} frames/s" if highest else "no rate held")
    return Part("Frames that arrive", ["frames/s", "p50", "p99", "max", ""], rows, notes)


def streams_part(runs: Sequence[StreamsRun]) -> Part:
    """Lay out the runs with several streams."""
    rows = []
    for run in runs:
        cells = [digits(value) for value in (run.latency.p50_ms, run.latency.p99_ms)]
        rows.append([str(run.streams), *cells, str(run.dropped), "held" if run.holds() else "lost"])
    fps = runs[0].fps
    notes = [
        f"each of {fps:g} frames/s, followed and drawn; held: hardly a frame dropped, and 99 of "
        f"100 done within {1e3 / fps:.1f} ms of coming",
        f"one engine holds {streams_held(list(runs))} of them",
    ]
    return Part("Cameras at a time", ["streams", "p50", "p99", "dropped", ""], rows, notes)


def heading(report: dict[str, Any]) -> list[str]:
    """Say what was measured, and on what."""
    asked = report["settings"]
    width, height = asked["frame_wh"]
    threads_used = f"{asked['threads'] or 'the runtime chooses how many'} threads for an inference"
    return [
        f"{asked['model']} ({asked['precision']}) on {asked['source']}, frames of "
        f"{width}×{height} scaled to {asked['input_size']} pixels, {asked['batch']} at a time; "
        f"{threads_used}, {report['threads']} in the process; peak memory "
        f"{report['peak_memory_mib']:.0f} MiB",
        *lines(report["machine"]),
    ]


def markdown(parts: Sequence[Part], head: Sequence[str]) -> str:
    """Write a report in Markdown."""
    sections = ["  \n".join(head)]
    for part in parts:
        table = markdown_table(part.header, part.rows)
        notes = "\n".join(f"- {note}" for note in part.notes)
        sections.append("\n\n".join(filter(None, (f"### {part.title}", table, notes))))
    return "\n\n".join(sections)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table; all columns but the first are numbers, flush right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def show(parts: Sequence[Part], head: Sequence[str]) -> None:
    """Print a report for people."""
    console = Console(highlight=False, soft_wrap=True)
    for line in head:
        console.print(line, markup=False)
    for part in parts:
        table = Table(title=part.title, title_justify="left", title_style="bold")
        for n, name in enumerate(part.header):
            table.add_column(name, justify="right" if n else "left", no_wrap=True)
        for row in part.rows:
            table.add_row(*row)
        console.print()
        console.print(table)
        for note in part.notes:
            console.print(note, markup=False)
