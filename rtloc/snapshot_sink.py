"""The sink that keeps a frame as a PNG when a viewer asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rtloc.controls import Controls
from rtloc.detections import Detections
from rtloc.errors import RtlocError
from rtloc.files import next_free
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats
from rtloc.pictures import write_picture

LOG = logging.getLogger(__name__)


def name_by_time(suffix: str) -> Path:
    """Return a name that says when it was made, free in the working folder."""
    stem = f"rtloc-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    path = Path(f"{stem}{suffix}")
    return next_free(path) if path.exists() else path


class SnapshotSink:
    """Writes a frame, boxes and all, where the controls want a snapshot."""

    def __init__(
        self, controls: Controls, name: Callable[[], Path] = lambda: name_by_time(".png")
    ) -> None:
        self._controls = controls
        self._name = name

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Keep the frame if it is wanted; a disk that is full is said, and no more."""
        if not self._controls.snapshot:
            return
        self._controls.snapshot = False
        path = self._name()
        try:
            write_picture(path, frame.image)
        except RtlocError as error:
            LOG.warning("%s", error)
            return
        LOG.info("%s", path)

    def close(self) -> None:
        """Nothing is left to do."""
