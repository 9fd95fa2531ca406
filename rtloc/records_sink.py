"""The sink that writes what was found, frame by frame, as JSON lines or CSV."""

from __future__ import annotations

from datetime import datetime, timezone

from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats
from rtloc.records import Record

ABOUT = ("index", "time_s", "wall_time")


class RecordsSink:
    """Gives what was found to a writer of records; see `rtloc.records`."""

    def __init__(self, record: Record, source: str | None = None) -> None:
        """source: its name, where there are several that write into one file."""
        self._record = record
        self._about: dict[str, object] = {} if source is None else {"source": source}

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Write a frame's record.

        Raises:
            RtlocError: the disk is full, or so.
        """
        about = {
            **self._about,
            "index": frame.index,
            "time_s": round(frame.time_s, 6),
            "wall_time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        }
        self._record(about, detections)

    def close(self) -> None:
        """Leave the file to whom it belongs."""
