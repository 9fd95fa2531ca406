"""Several sources in one picture, side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats
from rtloc.panel import draw_banner, draw_lines
from rtloc.sink import Sink
from rtloc.watch import View

SIZE_WH = (1280, 720)
SHOWN_S = 1 / 31  # a grid is given on at most so often


class Grid:
    """Puts the newest frame of each source into a tile of one picture.

    Its parts are the sources' views; the whole goes to `sinks` and `view`, with what was found in
    all of them in the whole's pixels, but without the tracks' numbers: each source counts for
    itself.
    """

    def __init__(
        self, names: list[str], stats: Sequence[LiveStats], view: View, sinks: list[Sink]
    ) -> None:
        """names, stats: of each source."""
        self.names = names
        self._parts = stats
        self._stats = LiveStats(stats[0].labels)
        self._view = view
        self._sinks = sinks
        self._columns = math.ceil(math.sqrt(len(names)))
        self._rows = math.ceil(len(names) / self._columns)
        self._picture = np.zeros((SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
        self._found = [Detections.empty() for _ in names]
        self._said: dict[int, str] = {}
        self._is_new = False  # since the whole was given on
        self._given = 0
        self._given_s = -math.inf
        self._started_s = time.perf_counter()
        self._closed = False

    def tile(self, n: int, whole: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int, int]:
        """Return the n-th tile, a view of a whole picture, and its corner's x and y."""
        width, height = SIZE_WH[0] // self._columns, SIZE_WH[1] // self._rows
        row, column = divmod(n, self._columns)
        x, y = column * width, row * height
        return whole[y : y + height, x : x + width], x, y

    def put(self, n: int, image: NDArray[np.uint8], found: Detections, lines: list[str]) -> None:
        """Put a picture into the n-th tile, as large as fits, with lines of text on it."""
        tile, left, top = self.tile(n, self._picture)
        height, width = tile.shape[:2]
        tile[:] = 0
        scale = min(width / image.shape[1], height / image.shape[0])
        wide, high = (max(1, int(scale * side)) for side in (image.shape[1], image.shape[0]))
        x, y = (width - wide) // 2, (height - high) // 2
        tile[y : y + high, x : x + wide] = cv2.resize(
            image, (wide, high), interpolation=cv2.INTER_AREA
        )
        draw_lines(tile, lines, "top")
        self._said.pop(n, None)
        self._is_new = True
        corner = np.array([left + x, top + y] * 2, np.float32)
        boxes = (found.boxes * scale + corner).astype(np.float32)
        self._found[n] = Detections(boxes, found.scores, found.class_ids)

    def give(self) -> None:
        """Give the whole to the view and the sinks, if there is news and it was not given just now.

        To be called when all frames that came at a time are in their parts.
        """
        now_s = time.perf_counter()
        if not self._is_new or now_s - self._given_s < SHOWN_S:
            return
        self._is_new, self._given_s = False, now_s
        whole = Frame(self._picture.copy(), self._given, now_s - self._started_s)
        for n, text in self._said.items():
            draw_banner(self.tile(n, whole.pixels)[0], text)
        self._given += 1
        self._stats.gather(self._parts)
        for sink in (*self._sinks, self._view):
            sink.write(whole, joined(self._found), self._stats)

    def say(self, n: int, text: str) -> None:
        """Show a message on the n-th tile, until a frame comes there."""
        self._is_new = self._is_new or self._said.get(n) != text
        self._said[n] = text

    def close(self) -> None:
        """Close view and sinks, once."""
        if not self._closed:
            self._closed = True
            for sink in (*self._sinks, self._view):
                sink.close()


class GridPart:
    """The view of one source in a grid."""

    def __init__(self, grid: Grid, n: int) -> None:
        self._grid = grid
        self._n = n

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Show a frame in this part."""
        late = stats.latency_ms("total", 50)
        line = f"{self._grid.names[self._n]}: {stats.fps():.1f} FPS"
        lines = [line if math.isnan(late) else f"{line}, {late:.0f} ms late"]
        self._grid.put(self._n, frame.image, detections, lines)

    def say(self, text: str) -> None:
        """Show a message in this part."""
        self._grid.say(self._n, text)

    def close(self) -> None:
        """Close the grid: a run ends for all of its parts."""
        self._grid.close()


def joined(found: list[Detections]) -> Detections:
    """Join what was found in several parts of one picture, best first."""
    boxes, scores, class_ids = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("boxes", "scores", "class_ids")
    )
    order = np.argsort(-scores, kind="stable")
    return Detections(boxes[order], scores[order], class_ids[order])
