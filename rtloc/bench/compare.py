"""Compare two sides by their rounds: faster, slower, or within what the rounds differ anyway."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rtloc.bench.samples import END_TO_END
from rtloc.errors import RtlocError, UsageError

LEAST = 0.02  # a ratio nearer to 1 than that is noise, however sure
RESAMPLED = 4000  # times, for the interval
OTHER_SPEED = 0.05  # of the machine itself, between two runs
COMPARED = (
    "model",
    "precision",
    "source",
    "frame_wh",
    "input_size",
    "batch",
    "threads",
    "track",
    "encode",
)


@dataclass(frozen=True)
class Ratio:
    """How long one side takes, by the other; above 1 is slower.

    low, high: between which the ratio lies with a confidence of 95 %.
    """

    ratio: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """Whether that is faster, slower, or within noise."""
        if self.high < 1 and self.ratio < 1 - LEAST:
            return "faster"
        if self.low > 1 and self.ratio > 1 + LEAST:
            return "slower"
        return "within noise"


def paired(ours_ms: Sequence[float], theirs_ms: Sequence[float]) -> Ratio:
    """Compare two sides measured in the same rounds: the median of the rounds' own ratios."""
    ratios = np.asarray(ours_ms) / np.asarray(theirs_ms)
    picks = np.random.default_rng(0).integers(0, len(ratios), (RESAMPLED, len(ratios)))
    return with_interval(float(np.median(ratios)), np.median(ratios[picks], axis=1))


def unpaired(ours_ms: Sequence[float], theirs_ms: Sequence[float]) -> Ratio:
    """Compare two sides measured at different times: the ratio of the medians of their rounds."""
    random = np.random.default_rng(0)
    medians = []
    for rounds_ms in (np.asarray(ours_ms), np.asarray(theirs_ms)):
        picks = random.integers(0, len(rounds_ms), (RESAMPLED, len(rounds_ms)))
        medians.append(np.median(rounds_ms[picks], axis=1))
    ratio = float(np.median(ours_ms) / np.median(theirs_ms))
    return with_interval(ratio, medians[0] / medians[1])


def with_interval(ratio: float, resampled: Any) -> Ratio:
    """Put the interval to a ratio that its resampling gives (the percentile bootstrap)."""
    low, high = np.percentile(resampled, (2.5, 97.5)).tolist()
    return Ratio(ratio, low, high)


@dataclass(frozen=True)
class Comparison:
    """A run against an older one.

    rows: by backend and stage; notes: what makes the two runs hard to compare.
    """

    rows: dict[tuple[str, str], Ratio]
    notes: list[str]

    def slower_than(self, limit: float) -> list[str]:
        """Name the backends whose frames take more than `limit` times as long, beyond noise."""
        return [
            f"{backend} takes {ratio.ratio:.2f} times as long"
            for (backend, stage), ratio in self.rows.items()
            if stage == END_TO_END and ratio.verdict == "slower" and ratio.ratio > limit
        ]


def read_report(path: Path) -> dict[str, Any]:
    """Read what `rtloc bench --json` has written.

    Raises:
        UsageError: there is no such file.
        RtlocError: it is something else, or lacks what `compare` needs.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not is_report(report):
            raise ValueError("something is missing")
    except FileNotFoundError as error:
        raise UsageError(f"no such file: {path}") from error
    except OSError as error:
        raise RtlocError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise RtlocError(
            f"{path} is no report of rtloc bench, or one of another version; make one with "
            f"rtloc bench --json {path}"
        ) from error
    return report


def is_report(read: Any) -> bool:
    """Say whether what was read is a report with all that `compare` needs."""
    if not isinstance(read, dict) or not isinstance(read.get("backends"), list):
        return False
    told = all(isinstance(read.get(about, {}), dict) for about in ("settings", "machine"))
    return told and bool(read["backends"]) and all(map(is_measured, read["backends"]))


def is_measured(backend: Any) -> bool:
    """Say whether what was read is a backend with its rounds."""
    if not isinstance(backend, dict) or not isinstance(backend.get("rounds_ms"), dict):
        return False
    times = [*backend["rounds_ms"].values(), backend.get("calibration_ms")]
    return isinstance(backend.get("name"), str) and all(map(are_times, times))


def are_times(read: Any) -> bool:
    """Say whether what was read is a list of times, one at least."""
    if not isinstance(read, list) or not read:
        return False
    return all(isinstance(one, int | float) and one >= 0 for one in read)  # nor nan


def compare(new: dict[str, Any], old: dict[str, Any]) -> Comparison:
    """Compare two reports, backend by backend and stage by stage.

    Raises:
        RtlocError: they have no backend in common.
    """
    before = {backend["name"]: backend for backend in old["backends"]}
    both = [(b, before[b["name"]]) for b in new["backends"] if b["name"] in before]
    if not both:
        raise RtlocError(
            f"the old report has {', '.join(before)} only; measure one of these with --backend"
        )
    rows = {
        (ours["name"], stage): unpaired(rounds_ms, theirs["rounds_ms"][stage])
        for ours, theirs in both
        for stage, rounds_ms in ours["rounds_ms"].items()
        if stage in theirs["rounds_ms"]
    }
    return Comparison(rows, differences(new, old) + speed_notes(both))


def differences(new: dict[str, Any], old: dict[str, Any]) -> list[str]:
    """Say in what two runs were not alike."""
    notes = []
    for name in COMPARED:
        ours = new["settings"].get(name)
        theirs = old.get("settings", {}).get(name, ours)  # not told: as far as is known, alike
        if ours != theirs:
            notes.append(f"{name} is {ours}, and was {theirs}")
    ours, theirs = new["machine"]["cpu"], old.get("machine", {}).get("cpu")
    if ours != theirs:
        notes.append(f"this machine has {ours}, and the other had {theirs}")
    return notes


def speed_notes(both: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    """Say where the machine itself was faster or slower than before."""
    notes = []
    for ours, theirs in both:
        speed = unpaired(ours["calibration_ms"], theirs["calibration_ms"])
        if abs(speed.ratio - 1) > OTHER_SPEED and speed.verdict != "within noise":
            notes.append(
                f"the machine itself was {speed.verdict}: work that is always the same took "
                f"{speed.ratio:.2f} times as long; compare again when it is as before"
            )
    return notes[:1]
