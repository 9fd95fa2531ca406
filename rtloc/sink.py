"""What a sink is: where located frames of a live run go."""

from typing import Protocol

from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats


class Sink(Protocol):
    """Takes each delivered frame. None of them may change the frame, or make the view wait."""

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Take a frame with its boxes drawn, BGR, and what was found in it.

        Raises:
            RtlocError: it can take no more; the view goes on without it.
        """

    def close(self) -> None:
        """Finish what was begun; what was written is kept."""
