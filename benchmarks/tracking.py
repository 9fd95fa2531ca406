"""Measure what is found in the sample clip, and what following does: flicker, trembling, lag.

    python benchmarks/tracking.py

The model answers every frame once; then the same answers go through each way. With Roboflow's
`trackers` installed (pip install trackers), its ByteTrack is one of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import click
import numpy as np
import report
from numpy.typing import NDArray

from rtloc.detections import Detections
from rtloc.frame import size_wh
from rtloc.localizer import DEFAULT_MODEL, Localizer
from rtloc.track import DOUBTFUL, Tracker
from rtloc.video_file import open_video
from train.matching import iou_matrix

CLIP = Path(__file__).parents[1] / "samples" / "pokemon.mp4"
SHORT_SIDE_PX = 16
IOU = 0.5
VISIBLE = 0.25  # of a box: those that are less so are slivers at the edge of the frame
FAST_PX = 3.0  # a frame: slower objects tell nothing of a lag
Way = Callable[[Detections, float], Detections]


@dataclass
class Tally:
    """What one way did, over all frames."""

    objects: int = 0
    hits: int = 0
    visible: int = 0  # objects of which at least a quarter can be seen
    visible_hits: int = 0
    detections: int = 0
    false: int = 0
    gaps: int = 0  # frames in which an object was lost that was found in the one before
    switches: int = 0
    errors_px: list[NDArray[np.float64]] = field(default_factory=list)
    trembles_px: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)  # in frames


@click.command()
@click.option("--model", default=DEFAULT_MODEL, show_default=True)
@click.option("--threshold", type=click.FloatRange(0, 1), help="[default: the model's]")
@click.option("--input-size", type=click.IntRange(32), help="[default: the model's]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the section to this file too.")
def main(model: str, threshold: float | None, input_size: int | None, out: Path | None) -> None:
    """Send the clip's detections through each way, and print the table."""
    before = report.machine()
    truths = [
        json.loads(line) for line in CLIP.with_suffix(".jsonl").read_text("utf-8").split("\n")[:-1]
    ]
    opened = Localizer(model, threshold=threshold, input_size=input_size)
    with opened as localizer, open_video(CLIP, 0) as video:
        begin, labels = localizer.threshold, localizer.info.labels
        size = input_size or localizer.info.input_size
        localizer.threshold *= DOUBTFUL
        frames = []
        for frame in video.frames(0.0, None):
            frames.append((localizer.locate_frame(frame), frame.time_s))
            frame_wh = size_wh(frame.pixels)
    ways: dict[str, Way] = {
        "each frame for itself": lambda found, _: found[found.scores >= begin],
        "followed": partial(Tracker(begin, smooth=False).update, frame_wh=frame_wh),
        "followed and smoothed (as `rtloc webcam`)": partial(
            Tracker(begin).update, frame_wh=frame_wh
        ),
    }
    if find_spec("trackers"):
        ways["ByteTrack of `trackers`"] = byte_track(begin)
    rows = []
    for name, way in ways.items():
        tally = measured([way(*frame) for frame in frames], truths, labels)
        rows.append(
            [
                name,
                f"{tally.hits / tally.objects:.3f}",
                f"{tally.visible_hits / tally.visible:.3f}",
                f"{1 - tally.false / tally.detections:.3f}",
                str(tally.false),
                str(tally.gaps),
                str(tally.switches),
                f"{median(tally.trembles_px):.2f}",
                f"{np.mean(np.abs(tally.errors_px)):.2f}",
                f"{1e3 * median(tally.lags) / 29.97:.1f}",
            ]
        )
    header = [
        *("", "recall", "of a quarter", "precision", "false", "gaps", "switches"),
        *("tremble, px", "error, px", "lag, ms"),
    ]
    body = (
        f"{report.table(header, rows)}\n\n"
        f"Model {model}, input of {size} px, threshold {begin:g}, {len(frames)} frames. Recall: of "
        f"boxes of {SHORT_SIDE_PX} px and more; of a quarter: of those of which at least a quarter "
        "is in the frame. Gaps: frames in which an "
        "object is lost that was found in the frame before. Switches: changes of an object's "
        "number. Tremble: how far a side's error changes from a frame to the next, median. Error: "
        f"of a side, mean. Lag: of boxes that move more than {FAST_PX:g} px a frame, median."
    )
    report.publish("Following objects", before, body, out)


def byte_track(begin: float) -> Way:
    """Return the ByteTrack of `trackers`, set to begin tracks at the same score."""
    import supervision
    import trackers

    tracker = trackers.ByteTrackTracker(
        track_activation_threshold=begin,
        high_conf_det_threshold=begin,
        minimum_consecutive_frames=1,
        frame_rate=29.97,
    )

    def way(found: Detections, _: float) -> Detections:
        theirs = supervision.Detections(found.boxes, None, found.scores, found.class_ids)
        followed = tracker.update(theirs)
        followed = followed[followed.tracker_id >= 0]
        return Detections(
            followed.xyxy.astype(np.float32).reshape(-1, 4),
            followed.confidence.astype(np.float32),
            followed.class_id.astype(np.int64),
            followed.tracker_id.astype(np.int64),
        )

    return way


def measured(answers: list[Detections], truths: list[dict], labels: tuple[str, ...]) -> Tally:
    """Hold the answers of all frames against the true boxes."""
    tally = Tally()
    last: dict[str, tuple[int, NDArray[np.float64], NDArray[np.float64], int | None]] = {}
    for n, (found, truth) in enumerate(zip(answers, truths, strict=True)):
        right = set()
        for one in truth["objects"]:
            box = np.array(one["box"])
            row = match(found, box, labels.index(one["label"]))
            if row is not None:
                right.add(row)
            if min(box[2] - box[0], box[3] - box[1]) < SHORT_SIDE_PX:
                continue
            is_visible = one["visible"] >= VISIBLE
            tally.objects += 1
            tally.visible += is_visible
            before = last.get(one["label"])
            followed_on = before is not None and before[0] == n - 1
            if row is None:
                tally.gaps += followed_on
                continue
            tally.hits += 1
            tally.visible_hits += is_visible
            error = found.boxes[row] - box
            number = None if found.track_ids is None else int(found.track_ids[row])
            tally.errors_px.append(error)
            if followed_on and before is not None:
                tally.switches += number != before[3]
                tally.trembles_px.append(float(np.abs(error - before[1]).mean()))
                lag = lag_of(error, box - before[2])
                tally.lags += [] if lag is None else [lag]
            last[one["label"]] = (n, error, box, number)
        tally.detections += len(found)
        tally.false += len(found) - len(right)
    return tally


def match(found: Detections, box: NDArray[np.float64], class_id: int) -> int | None:
    """Return the detection of that class that lies on a true box, or None."""
    overlaps = iou_matrix(found.boxes, box[None].astype(np.float32))[:, 0]
    overlaps[found.class_ids != class_id] = 0
    return int(overlaps.argmax()) if len(overlaps) and overlaps.max() >= IOU else None


def lag_of(error: NDArray[np.float64], moved: NDArray[np.float64]) -> float | None:
    """Return by how many frames a box is behind, or None where it hardly moves."""
    motion = (moved[:2] + moved[2:]) / 2
    speed = float(np.linalg.norm(motion))
    if speed < FAST_PX:
        return None
    return float(-((error[:2] + error[2:]) / 2) @ motion) / speed**2


if __name__ == "__main__":
    main()
