"""What `rtloc video` does with the frames of a file: decode, locate, draw, record and encode."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rtloc.detections import Detections
from rtloc.frame import Frame, size_wh
from rtloc.localizer import Localizer
from rtloc.locators import Locators
from rtloc.overlay import draw
from rtloc.pipeline import QUEUE_FRAMES, pipeline
from rtloc.records import Record
from rtloc.stats import RunStats
from rtloc.track import Tracker
from rtloc.video_file import VideoFile
from rtloc.video_writer import VideoWriter
from rtloc.window import Window

WAITING_GROUPS = 3  # decoded ahead, so that neither decoding nor locating waits for the other
WAITING_BYTES = 256 << 20  # before each step: all those groups in 1080p, ten frames in 4K


@dataclass(frozen=True)
class Pending:
    """A frame, and what will be found in it and those beside it.

    found: the detections of each frame of a group, and how many milliseconds they took together;
    None where the stride leaves the frame out: it shows what was found before. place: the frame's
    in its group.
    """

    frame: Frame
    found: Future[tuple[list[Detections], float]] | None
    place: int = 0


@dataclass
class Run:
    """One run over a video: its parts, and how far it has come."""

    video: VideoFile
    localizer: Localizer
    tracker: Tracker | None
    locators: Locators
    record: Record
    writer: VideoWriter | None
    window: Window | None
    stride: int
    stats: RunStats
    _last: Detections = field(default_factory=Detections.empty)

    def go(self, start_s: float, end_s: float | None) -> bool:
        """Decode, locate and sink, all in threads; return False when Ctrl-C ended it."""
        total = self.video.expected_frames(start_s, end_s)
        picture = self.video.stream.codec_context
        room = waiting_frames((picture.width, picture.height), self.stats.batch)
        try:
            with (
                frames_bar(total) as advance,
                pipeline(self.pending(start_s, end_s), self.sink, room=room) as results,
            ):
                for frame in results:
                    advance(self.stats.fps())
                    if self.window:
                        self.window.show(frame.image)
                        if not self.window.goes_on():
                            break
        except KeyboardInterrupt:
            return False
        return True

    def pending(self, start_s: float, end_s: float | None) -> Iterator[Pending]:
        """Decode; have groups of frames located, or single ones where there is a stride."""
        frames = self.video.frames(start_s, end_s)
        if self.stride > 1:
            for n, frame in enumerate(frames):
                yield Pending(frame, None if n % self.stride else self.locators.locate([frame]))
            return
        while group := list(islice(frames, self.stats.batch)):
            # the last group is filled up: an engine made for another number would cost more
            found = self.locators.locate(group + group[-1:] * (self.stats.batch - len(group)))
            for place, frame in enumerate(group):
                yield Pending(frame, found, place)
            group.clear()  # those that are done need not stay until the next ones are decoded

    def sink(self, pending: Pending) -> Frame:
        """Record, draw and encode."""
        frame = pending.frame
        if pending.found is None:
            self.stats.skip()
        else:
            found, latency_ms = pending.found.result()
            self._last = found[pending.place]
            if self.tracker is not None:
                self._last = self.tracker.update(self._last, frame.time_s, size_wh(frame.pixels))
            self.stats.count(self._last, latency_ms)
            about = {"index": frame.index, "time_s": round(frame.time_s, 6)}
            self.record(about, self._last)
        if self.writer or self.window:
            draw(frame.pixels, self._last, self.localizer.info.labels)
        if self.writer:
            self.writer.write(frame)
        return frame


def waiting_frames(wh: tuple[int, int], batch: int) -> int:
    """Return how many frames of a size may wait before each step: of large ones, fewer."""
    most = WAITING_BYTES // max(1, 3 * wh[0] * wh[1])  # as BGR; planes take half of that
    return max(QUEUE_FRAMES, min(WAITING_GROUPS * batch, most))


@contextmanager
def frames_bar(total: int | None) -> Iterator[Callable[[float], None]]:
    """Show a bar with frames/s and time left, on a terminal; yield what counts a frame."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda fps: None
        return
    columns = (
        TextColumn("locating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f} frames/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("locating", total=total, fps=0.0)
        yield lambda fps: bar.update(task, advance=1, fps=fps)
