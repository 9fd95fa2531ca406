"""Follow objects from frame to frame: a number for each, boxes that do not tremble, one label.

Association as in ByteTrack (Zhang et al., 2022: https://arxiv.org/abs/2110.06864): detections that
are sure first, then the others, which may go on with a track that was sure twice but never begin
one. So an object that is doubtful for a moment does not flicker, a false detection that is never
sure is never shown, and one that is sure once does not linger.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rtloc.detections import Detections
from rtloc.one_euro import OneEuro, Values

LEAST_IOU = 0.2  # of a detection with where its track should be
LOST_AFTER_S = 0.7
OTHER_CLASS = 0.6  # of its IoU, that a detection of another class counts
DOUBTFUL = 0.5  # of the score with which tracks begin: from there on they go on
VOTES_KEPT = 0.9  # of the votes for a class, at the next frame
FILTER = OneEuro()
CENTRES = OneEuro(min_cutoff_hz=4.0, beta=8.0)


@dataclass
class Track:
    """An object as it is followed.

    box, speed: centre x, centre y, width, height, in pixels and in pixels a second, both filtered;
    votes: of each class, the scores with which it was found, older ones counting less; confirmed:
    whether it was surely found more than once.
    """

    number: int
    box: Values
    speed: Values
    seen_s: float
    votes: dict[int, float] = field(default_factory=dict)
    confirmed: bool = False

    def at(self, time_s: float) -> Values:
        """Return where it should be now."""
        centre = self.box[:2] + self.speed[:2] * (time_s - self.seen_s)
        return np.concatenate([centre, self.box[2:]])

    def vote(self, class_id: int, score: float) -> int:
        """Count a vote, and return the class that leads."""
        for known in self.votes:
            self.votes[known] *= VOTES_KEPT
        self.votes[class_id] = self.votes.get(class_id, 0.0) + score
        return self.leading()

    def leading(self) -> int:
        """Return the class with most votes."""
        return max(self.votes, key=lambda one: self.votes[one])


class Tracker:
    """Follows objects through the frames of one source, in order.

    begin: the least score with which a track begins; smooth: whether boxes are filtered.
    """

    def __init__(self, begin: float, *, smooth: bool = True) -> None:
        self.begin = begin
        self.smooth = smooth
        self._tracks: list[Track] = []
        self._next = 1

    def update(
        self, found: Detections, time_s: float, frame_wh: tuple[int, int] | None = None
    ) -> Detections:
        """Take what was found in the next frame; return what belongs to a track, with its number.

        found: with scores from well below `begin` on; time_s: of the frame, by its source's clock;
        frame_wh: its size in pixels, at whose edges filtered boxes are cut; None: they are not.
        """
        self._tracks = [t for t in self._tracks if time_s - t.seen_s <= LOST_AFTER_S]
        measured = centre_boxes(found.boxes)
        partners = self._partners(found, measured, time_s)
        boxes, class_ids = found.boxes.copy(), found.class_ids.copy()
        numbers = np.zeros(len(found), np.int64)
        for n in range(len(found)):
            sure = bool(found.scores[n] >= self.begin)
            track = partners.get(n)
            if track is None:
                if not sure:
                    continue
                track = self._new(measured[n], time_s)
            else:
                self._move(track, measured[n], time_s)
                track.confirmed |= sure
            class_ids[n] = track.vote(int(found.class_ids[n]), float(found.scores[n]))
            numbers[n] = track.number
            if self.smooth:
                boxes[n] = corner_box(track.box)
        followed = replace(found, boxes=boxes, class_ids=class_ids, track_ids=numbers)
        followed = followed[numbers > 0]
        return followed if frame_wh is None else cut(followed, frame_wh)

    def _partners(self, found: Detections, measured: Values, time_s: float) -> dict[int, Track]:
        """Give detections to tracks: the sure ones first, and of those the best fitting."""
        free = list(self._tracks)
        partners: dict[int, Track] = {}
        for sure in (True, False):
            rows = np.flatnonzero((found.scores >= self.begin) == sure)
            if not sure:
                free = [track for track in free if track.confirmed]
            if not len(rows) or not free:
                continue
            expected = np.stack([track.at(time_s) for track in free])
            fits = overlaps(measured[rows], expected)
            leading = np.array([track.leading() for track in free])
            fits *= np.where(found.class_ids[rows][:, None] == leading[None], 1, OTHER_CLASS)
            taken = set()
            for flat in np.argsort(-fits, axis=None, kind="stable"):
                row, column = np.unravel_index(flat, fits.shape)
                if fits[row, column] < LEAST_IOU:
                    break
                if int(rows[row]) not in partners and column not in taken:
                    partners[int(rows[row])] = free[column]
                    taken.add(column)
            free = [track for n, track in enumerate(free) if n not in taken]
        return partners

    def _new(self, box: Values, time_s: float) -> Track:
        track = Track(self._next, box.copy(), np.zeros(4), time_s)
        self._next += 1
        self._tracks.append(track)
        return track

    def _move(self, track: Track, box: Values, time_s: float) -> None:
        dt_s = max(time_s - track.seen_s, 1e-3)
        size = float(max(track.box[2:].max(), 1.0))
        for part, filtering in ((slice(0, 2), CENTRES), (slice(2, 4), FILTER)):
            track.box[part], track.speed[part] = filtering.step(
                track.box[part], track.speed[part], box[part], dt_s, size
            )
        track.seen_s = time_s


def cut(found: Detections, frame_wh: tuple[int, int]) -> Detections:
    """Cut boxes at a frame's edges; those of which nothing is left are left out."""
    boxes = found.boxes.clip(0, np.array(frame_wh * 2, np.float32))
    left = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return replace(found, boxes=boxes)[left]


def centre_boxes(boxes: NDArray[np.float32]) -> Values:
    """Turn x1 y1 x2 y2 into centre x, centre y, width, height; float64 [N, 4]."""
    corners = boxes.astype(np.float64)
    return np.concatenate(
        [(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1
    )


def corner_box(box: Values) -> Values:
    """Turn centre x, centre y, width, height into x1 y1 x2 y2."""
    return np.concatenate([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])


def overlaps(a: Values, b: Values) -> Values:
    """Return the IoU of each box of `a` with each of `b`, boxes as of `centre_boxes`."""
    low = np.maximum((a[:, :2] - a[:, 2:] / 2)[:, None], (b[:, :2] - b[:, 2:] / 2)[None])
    high = np.minimum((a[:, :2] + a[:, 2:] / 2)[:, None], (b[:, :2] + b[:, 2:] / 2)[None])
    both = np.clip(high - low, 0, None).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None] - both
    found: Values = both / np.maximum(union, 1e-9)
    return found
