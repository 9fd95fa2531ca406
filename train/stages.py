"""The eight stages: what may vary in a training picture, and how far, one small entry each.

Stages 1 to 7 climb from a white box to several classes that may be absent; stage 8 puts many
objects, overlapping and cut off at the edge, in one picture. The generator reads nothing else.
"""

from dataclasses import dataclass, replace
from typing import Literal

Range = tuple[float, float]


@dataclass(frozen=True)
class Stage:
    """What may vary. A probability of 0, or a range of one value, switches a variation off.

    Sizes are fractions of the picture's content (the part inside the letterbox bars).
    """

    objects: Literal["white-box", "cutouts"] = "cutouts"
    classes: tuple[int, ...] | None = None  # which class ids are drawn; None: all
    background: Literal["black", "photo"] = "black"
    count: tuple[int, int] = (1, 1)
    p_absent: float = 0.0
    longer_side: Range = (0.25, 0.25)  # of the content's shorter side
    edge_overhang: float = 0.0  # how much of the object's width or height may lie off the edge
    max_overlap: float = 0.0  # of the smaller of two boxes
    p_flip: float = 0.0
    rotation_deg: float = 0.0  # standard deviation
    shear: float = 0.0
    squeeze: float = 0.0  # log of the change of aspect
    object_light: float = 0.0  # strength of contrast, brightness and colour change of one object
    light: float = 0.0  # the same, of the whole picture
    p_blur: float = 0.0
    p_object_blur: float = 0.0
    noise: float = 0.0  # greatest standard deviation, grey levels
    p_low_resolution: float = 0.0
    p_jpeg: float = 0.0
    p_decoy: float = 0.0  # per picture: pasted shapes that are not objects
    p_letterbox: float = 0.0


WHITE_BOX = Stage(objects="white-box", classes=(0,))
CHARMANDER = Stage(classes=(1,))
ANY_SIZE = replace(CHARMANDER, longer_side=(0.12, 0.9))
TRANSFORMED = replace(
    ANY_SIZE,
    p_flip=0.5,
    rotation_deg=18,
    shear=0.08,
    squeeze=0.1,
    object_light=0.6,
    light=0.5,
    p_blur=0.3,
    p_object_blur=0.15,
    noise=10,
    p_low_resolution=0.15,
    p_jpeg=0.2,
)
REAL_BACKGROUND = replace(TRANSFORMED, background="photo", p_letterbox=0.5, p_decoy=0.3)
MAYBE_ABSENT = replace(REAL_BACKGROUND, p_absent=0.25)
MULTI_CLASS = replace(MAYBE_ABSENT, classes=None)
MANY_OBJECTS = replace(
    MULTI_CLASS,
    count=(1, 5),
    p_absent=0.15,
    longer_side=(0.09, 0.98),
    edge_overhang=0.45,
    max_overlap=0.4,
)

STAGES = {
    "white-box": WHITE_BOX,
    "charmander": CHARMANDER,
    "any-size": ANY_SIZE,
    "transformed": TRANSFORMED,
    "real-background": REAL_BACKGROUND,
    "maybe-absent": MAYBE_ABSENT,
    "multi-class": MULTI_CLASS,
    "many-objects": MANY_OBJECTS,
}
