"""What a viewer can change while a live run goes on: by keys in the window, or on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtloc.localizer import Localizer
from rtloc.track import DOUBTFUL, Tracker
from rtloc.window import ESCAPE

STEP = 0.05
HELP = (
    "q, Esc  quit",
    "space  pause",
    "s  snapshot",
    "r  record on, off",
    "+ -  threshold",
    "1-9  show a class or not",
    "h  panel",
    "?  help",
)


@dataclass
class Controls:
    """The state of a live run that its viewers share.

    trackers: one for each source, or none; hidden: ids of classes that are not looked for;
    snapshot: one is wanted of the next frame; recording: wanted now.
    """

    localizer: Localizer
    trackers: Sequence[Tracker]
    threshold: float
    hidden: set[int] = field(default_factory=set)
    paused: bool = False
    panel: bool = True
    help: bool = False
    snapshot: bool = False
    recording: bool = False
    quit: bool = False

    def press(self, key: int) -> None:
        """Do what a key stands for; -1 or an unknown key does nothing."""
        name = "escape" if key == ESCAPE else chr(key).lower() if 0 <= key < 128 else ""
        if name in {"q", "escape"}:
            self.quit = True
        elif name == " ":
            self.paused = not self.paused
        elif name == "s":
            self.snapshot = True
        elif name == "r":
            self.recording = not self.recording
        elif name in {"+", "=", "-"}:
            self.set_threshold(self.threshold + (-STEP if name == "-" else STEP))
        elif name == "h":
            self.panel = not self.panel
        elif name == "?":
            self.help = not self.help
        elif name.isdigit() and name != "0":
            self.toggle(int(name) - 1)

    def set_threshold(self, threshold: float) -> None:
        """Let only scores from `threshold` on count; it is kept within 0..1."""
        self.threshold = min(1.0, max(0.0, threshold))
        for tracker in self.trackers:
            tracker.begin = self.threshold
        self.localizer.threshold = self.threshold * (DOUBTFUL if self.trackers else 1)

    def toggle(self, class_id: int) -> None:
        """Look for a class no longer, or again; an unknown class changes nothing."""
        if class_id < len(self.labels):
            self.hidden ^= {class_id}
            self.localizer.look_for(n for n in range(len(self.labels)) if n not in self.hidden)

    @property
    def labels(self) -> Sequence[str]:
        """The model's labels, by class id."""
        return self.localizer.info.labels


def open_controls(localizer: Localizer, *, track: bool, smooth: bool, sources: int = 1) -> Controls:
    """Make the controls of a run, with a tracker for each source if it follows objects."""
    threshold = localizer.threshold
    trackers = [Tracker(threshold, smooth=smooth) for _ in range(sources if track else 0)]
    known = range(len(localizer.info.labels))
    hidden = {n for n in known if not localizer.looks_for(n)}
    controls = Controls(localizer, trackers, threshold, hidden)
    controls.set_threshold(threshold)
    return controls
