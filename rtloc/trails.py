"""Where followed objects came from: a line through the last places of each."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.detections import Detections
from rtloc.overlay import COLOURS

KEPT_S = 2.0
Place = tuple[float, int, int]  # time in s, x and y in px


class Trails:
    """The middles of the boxes of each track in the last two seconds."""

    def __init__(self) -> None:
        self._places: dict[int, deque[Place]] = {}

    def draw(self, image: NDArray[np.uint8], detections: Detections, time_s: float) -> None:
        """Take the tracks' new places, and draw their trails into a picture [H, W, 3] BGR."""
        if detections.track_ids is not None:
            middles = (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2
            for number, (x, y) in zip(detections.track_ids.tolist(), middles.tolist(), strict=True):
                places = self._places.setdefault(number, deque())
                places.append((time_s, round(x), round(y)))
        for number in list(self._places):
            places = self._places[number]
            while places and time_s - places[0][0] > KEPT_S:
                places.popleft()
            if not places:
                del self._places[number]
        width = max(1, round(3 * max(image.shape[:2]) / 1280))
        for number, class_id in tracked(detections):
            line = np.array([(x, y) for _, x, y in self._places[number]], np.int32)
            colour = COLOURS[class_id % len(COLOURS)]
            cv2.polylines(image, [line], False, colour, width, cv2.LINE_AA)


def tracked(detections: Detections) -> list[tuple[int, int]]:
    """Return number and class of each track in a picture."""
    if detections.track_ids is None:
        return []
    return list(zip(detections.track_ids.tolist(), detections.class_ids.tolist(), strict=True))
