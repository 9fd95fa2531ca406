"""The eight stages: what may vary in a training picture, and how far, one small entry each.

Stages 1 to 7 climb from a white box to several classes that may be absent; stage 8 puts many
objects, overlapping and cut off at the edge, in one picture, among drawings of other things. The
generator reads nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

Range = tuple[float, float]

VARIETY = 0.2  # of the last stage's objects; see `for_training`
THE_FIRST = "Charmander"  # what stages 2 to 6 draw, where it is among the labels

SQUARE = ((1, 1),)
AS_CAMERAS_FILM = ((16, 9), (16, 9), (16, 9), (4, 3), (1, 1), (9, 16))


@dataclass(frozen=True)
class Stage:
    """What may vary. A probability of 0, or a range of one value, switches a variation off.

    Sizes are fractions of the picture's content (the part inside the letterbox bars); a name that
    begins with p_ is a probability, per object or per picture as it says.
    """

    objects: Literal["white-box", "cutouts"] = "cutouts"
    classes: tuple[int, ...] | None = None  # which class ids are drawn; None: all
    background: Literal["black", "photo"] = "black"
    aspects: tuple[tuple[int, int], ...] = SQUARE  # width to height, each as likely as it stands
    count: tuple[int, int] = (1, 1)
    p_absent: float = 0.0
    longer_side: Range = (0.25, 0.25)  # of the content's shorter side
    edge_overhang: float = 0.0  # how much of the object's width or height may lie off the edge
    p_overhang: float = 0.25  # of each axis: that any of it may
    max_overlap: float = 0.0  # of the smaller of two boxes

    # the shape of one object
    p_flip: float = 0.0
    rotation_deg: float = 0.0  # standard deviation
    shear: float = 0.0
    squeeze: float = 0.0  # log of the change of aspect
    perspective: float = 0.0  # how far a corner moves, as a part of the longer side
    p_bend: float = 0.0  # in other proportions

    # the look of one object
    object_light: float = 0.0  # strength of contrast, brightness, saturation and hue
    p_recolour: float = 0.0  # in another palette
    p_restyle: float = 0.0  # drawn in another style
    p_shading: float = 0.0  # light that falls off across the object
    p_object_blur: float = 0.0
    p_shadow: float = 0.0
    p_card: float = 0.0  # printed on a card, or shown on a screen
    p_feather: float = 0.0  # pasted with a Gaussian edge
    p_poisson: float = 0.0  # by Poisson blending, which refuses most objects

    # what else is in the picture
    p_occlude: float = 0.0  # per picture: something covers a part of an object
    p_decoy: float = 0.0  # per picture: shapes that are no objects
    p_lookalike: float = 0.0  # per picture: shapes in an object's colours
    p_distractor: float = 0.0  # per picture: drawings of other things

    # the whole picture
    p_synthetic: float = 0.0  # a made background in place of a photo
    p_repeated: float = 0.0  # a pattern that repeats in place of a photo
    p_mixed: float = 0.2  # of photos: another is laid over it
    p_mirrored_photo: float = 0.5
    p_upside_down: float = 0.0  # the photo
    p_other_colours: float = 0.0  # the photo's
    light: float = 0.0  # strength of contrast, brightness, saturation and hue
    p_blur: float = 0.0
    p_motion: float = 0.5  # of blurs, an object's too: by motion; the others are out of focus
    p_noise: float = 0.5  # that there is any, where noise is not 0
    noise: float = 0.0  # greatest standard deviation, grey levels
    p_low_resolution: float = 0.0
    p_jpeg: float = 0.0
    p_video: float = 0.0  # compressed as a film's frame

    @property
    def has_empty_photos(self) -> bool:
        """Whether some of the pictures are photos without an object."""
        return self.background == "photo" and self.p_absent > 0


WHITE_BOX = Stage(objects="white-box", classes=(0,))
CHARMANDER = Stage(classes=(1,))
ANY_SIZE = replace(CHARMANDER, longer_side=(0.15, 0.9))
TRANSFORMED = replace(
    ANY_SIZE,
    p_flip=0.5,
    rotation_deg=18,
    shear=0.08,
    squeeze=0.1,
    perspective=0.08,
    object_light=0.7,
    p_shading=0.3,
    light=0.5,
    p_blur=0.2,
    p_object_blur=0.15,
    noise=10,
    p_low_resolution=0.15,
    p_jpeg=0.2,
    p_video=0.05,
)
REAL_BACKGROUND = replace(
    TRANSFORMED,
    background="photo",
    aspects=AS_CAMERAS_FILM,
    p_synthetic=0.08,
    p_shadow=0.25,
    p_card=0.06,
    p_feather=0.15,
    p_poisson=0.03,
    p_decoy=0.3,
)
MAYBE_ABSENT = replace(REAL_BACKGROUND, p_absent=0.25)
MULTI_CLASS = replace(MAYBE_ABSENT, classes=None)
MANY_OBJECTS = replace(
    MULTI_CLASS,
    count=(1, 5),
    p_absent=0.15,
    longer_side=(0.08, 0.98),
    edge_overhang=0.5,
    max_overlap=0.35,
    p_occlude=0.15,
    p_distractor=0.4,
)


def for_training(stage: Stage, variety: float = VARIETY) -> Stage:
    """Return what is trained on to be measured on `stage`: the same, or more.

    Where an object may be absent, photos have other colours as well, and there are more things that
    are no objects. The last stage, the one for use, has objects drawn in other styles, palettes and
    proportions, turned and cut off further, too, patterns that repeat (a facade was taken
    for one), and other shapes in their colours. Of what is measured, at least half of the width and
    height is in the picture, as KITTI asks of its hard cases
    (https://www.cvlibs.net/datasets/kitti/eval_object.php). A net that knows slivers as well is
    sure of those.

    variety: of the last stage's objects, which part is bent, which in another palette, and which in
    another style.
    """
    if not stage.p_absent:
        return stage
    more = replace(
        stage,
        p_upside_down=0.15,
        p_other_colours=0.25,
        p_distractor=max(0.3, 1.5 * stage.p_distractor),
    )
    if stage != MANY_OBJECTS:
        return more
    return replace(
        more,
        edge_overhang=1.7 * stage.edge_overhang,
        rotation_deg=22,
        shear=0.14,
        squeeze=0.17,
        perspective=0.13,
        p_bend=variety,
        p_recolour=variety,
        p_restyle=variety,
        p_repeated=0.05,
        p_lookalike=0.25,
    )


def without_mirroring(stage: Stage) -> Stage:
    """Return the stage with objects that are never mirrored: of some, two sides are two things."""
    return replace(stage, p_flip=0.0)


def of_labels(stage: Stage, labels: Sequence[str]) -> Stage:
    """Return the stage for a set of labels.

    Stages 2 to 6 draw Charmander alone; of cut-outs without it they draw all.
    """
    if stage.classes is None or stage.objects == "white-box":
        return stage
    ids = tuple(n for n, label in enumerate(labels) if label == THE_FIRST)
    return replace(stage, classes=ids or None)


def emptied(stage: Stage) -> Stage:
    """Return the stage without objects, and with other things less often than beside objects."""
    return replace(
        stage,
        p_absent=1.0,
        p_decoy=min(0.15, stage.p_decoy),
        p_lookalike=min(0.1, stage.p_lookalike),
        p_distractor=min(0.25, stage.p_distractor),
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
