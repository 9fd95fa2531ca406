"""How much of a pasted object can be seen, when all is pasted and the light is set.

By chance an object has the colours of what it lies on, is blended until nothing is left of it, lies
in the dark, or is covered by what should have covered another one. A box round something that
nobody can see teaches a net to imagine, and measures nothing.
"""

from dataclasses import dataclass

import cv2
from cv2.typing import MatLike

from train import layers, light, paste
from train.light import Cast
from train.paste import OPAQUE, Image

TELLING = 32  # grey levels, of any channel: much more than noise and compression change
LEAST_SEEN = 0.3  # of what of an object lies in the picture
BURNT_OUT, BLOCKED_UP = 250, 5  # grey levels, of all channels: brighter or darker than can be told


@dataclass(frozen=True, eq=False)
class Traces:
    """What is left of one object's pasting.

    number: that of the object on the map of what lies uppermost; layer: uint8 [h, w, 4],
    premultiplied BGR and alpha, before anything was done to its looks; x, y: where that lies;
    before, after: uint8 [h', w', 3] BGR, that part of the picture without and with it.
    """

    number: int
    layer: Image
    x: int
    y: int
    before: Image
    after: Image


def lie_uppermost(uppermost: Image, alpha: Image, x: int, y: int, number: int) -> None:
    """Note on the map, uint8 [H, W], that something of that alpha lies at (x, y)."""
    parts = paste.visible_parts(uppermost, alpha, x, y)
    if parts is not None:
        under, over = parts
        under[over >= OPAQUE] = number


def part_seen(traces: Traces, uppermost: Image, cast: Cast | None) -> float:
    """Return the part of an object, of what lies in the picture, that can be told from what it hid.

    What light has made all white or all black cannot, unless the object is so. cast: of the light
    of the whole picture, or None.
    """
    parts = paste.visible_parts(uppermost, traces.layer, traces.x, traces.y)
    if parts is None:
        return 0.0
    under, over = parts
    colours, alpha = layers.split(over)
    own = cv2.inRange(alpha, OPAQUE, 255)
    before, after = traces.before, traces.after
    if cast is not None:
        before, after = light.apply_cast(before, cast), light.apply_cast(after, cast)
    alike = cv2.inRange(cv2.absdiff(before, after), (0, 0, 0), (TELLING - 1,) * 3)
    uncovered = cv2.bitwise_and(own, cv2.inRange(under, traces.number, traces.number))
    lost = cv2.bitwise_and(extreme(after), cv2.bitwise_not(extreme(colours)))
    told = cv2.bitwise_and(uncovered, cv2.bitwise_not(cv2.bitwise_or(alike, lost)))
    return cv2.countNonZero(told) / max(1, cv2.countNonZero(own))


def extreme(pixels: MatLike) -> MatLike:
    """Return where pixels, uint8 [H, W, 3], are all but white or black: 255 there, else 0."""
    white = cv2.inRange(pixels, (BURNT_OUT,) * 3, (255,) * 3)
    return cv2.bitwise_or(white, cv2.inRange(pixels, (0,) * 3, (BLOCKED_UP,) * 3))
