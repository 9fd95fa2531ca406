"""How much of a pasted object can be seen, when all is pasted and the light is set.

By chance an object has the colours of what it lies on, is blended until nothing is left of it, lies
in the dark, or is covered by what should have covered another one. A box round something that
nobody can see teaches a net to imagine, and measures nothing.
"""

from dataclasses import dataclass

import cv2
from cv2.typing import MatLike

from train import layers, light, paste
from train.cutouts import OPAQUE
from train.light import Cast
from train.paste import Image

TELLING = 32  # grey levels, of any channel: much more than noise and compression change
LEAST_SEEN = 0.3  # of what of an object lies in the picture
BLOCKED_UP, BURNT_OUT = 5, 250  # brightnesses: of what is as dark or as bright, nothing is left


@dataclass(frozen=True, eq=False)
class Traces:
    """What is left of one object's pasting.

    number: that of the object on the map of what lies uppermost; layer: uint8 [h, w, 4],
    premultiplied BGR and alpha, before anything was done to its looks; x, y: where that lies;
    before: uint8 [h', w', 3] BGR, that part of the picture without it.
    """

    number: int
    layer: Image
    x: int
    y: int
    before: Image


def lie_uppermost(uppermost: Image, alpha: Image, x: int, y: int, number: int) -> None:
    """Note on the map, uint8 [H, W], that something of that alpha lies at (x, y)."""
    parts = paste.visible_parts(uppermost, alpha, x, y)
    if parts is not None:
        under, over = parts
        under[over >= OPAQUE] = number


def part_seen(traces: Traces, picture: Image, uppermost: Image, cast: Cast | None) -> float:
    """Return the part of an object, of what lies in the picture, that can be told from what it hid.

    What light has made all white or all black cannot, unless the object is so. picture: uint8
    [H, W, 3] BGR, when all is pasted and the light is set; cast: of that light, or None.
    """
    place = traces.layer, traces.x, traces.y
    shown, parts = paste.visible_parts(picture, *place), paste.visible_parts(uppermost, *place)
    if shown is None or parts is None:
        return 0.0
    after, (under, over) = shown[0], parts
    own = cv2.inRange(layers.alpha_of(over), OPAQUE, 255)
    before = traces.before if cast is None else light.apply_cast(traces.before, cast)
    alike = cv2.inRange(cv2.absdiff(before, after), (0, 0, 0), (TELLING - 1,) * 3)
    uncovered = cv2.bitwise_and(own, cv2.inRange(under, traces.number, traces.number))
    was = cv2.cvtColor(over, cv2.COLOR_BGRA2GRAY)
    lost = cv2.subtract(has_colour(was), has_colour(cv2.cvtColor(after, cv2.COLOR_BGR2GRAY)))
    told = cv2.subtract(uncovered, cv2.max(alike, lost))
    return cv2.countNonZero(told) / max(1, cv2.countNonZero(own))


def has_colour(brightness: MatLike) -> MatLike:
    """Return where a picture, uint8 [H, W], is neither all but black nor all but white: 255."""
    return cv2.inRange(brightness, BLOCKED_UP + 1, BURNT_OUT - 1)
