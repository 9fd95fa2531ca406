"""Find where in a picture a cut-out may be pasted."""

from collections.abc import Sequence

from numpy.random import Generator as Random

from train import paste
from train.paste import Box
from train.stages import Stage

SMALLEST_OBJECT_PX = 10.0
LEAST_SEEN_PX = SMALLEST_OBJECT_PX / 2  # of each side, of an object that the edge cuts off
TRIES_TO_PLACE = 8


def find_spot(
    rng: Random,
    box_px: Box,
    canvas_wh: tuple[int, int],
    stage: Stage,
    taken: Sequence[Box],
    *,
    card: int = 0,
) -> tuple[int, int] | None:
    """Find where to paste: the layer's corner (x, y).

    Returns None when the object, or the card that reaches `card` pixels beyond it, cannot be placed
    without overlapping others too much.
    """
    width, height = canvas_wh
    box_w, box_h = box_px[2] - box_px[0], box_px[3] - box_px[1]
    for _ in range(TRIES_TO_PLACE):
        left = _place_along(rng, box_w, width, stage)
        top = _place_along(rng, box_h, height, stage)
        if left is None or top is None:
            return None
        x, y = round(left - box_px[0]), round(top - box_px[1])
        whole = (x + box_px[0], y + box_px[1], x + box_px[2], y + box_px[3])
        box = (max(0.0, whole[0]), max(0.0, whole[1]), min(width, whole[2]), min(height, whole[3]))
        if min(box[2] - box[0], box[3] - box[1]) < LEAST_SEEN_PX:
            continue
        covered = (box[0] - card, box[1] - card, box[2] + card, box[3] + card)
        if all(paste.overlaps_little(b, taken, stage.max_overlap) for b in (box, covered)):
            return x, y
    return None


def _place_along(rng: Random, side: float, room: int, stage: Stage) -> float | None:
    """Draw a position along one axis; now and then the object may hang over the edge."""
    over = side * stage.edge_overhang if rng.random() < stage.p_overhang else 0.0
    low, high = -over, room - side + over
    return None if low > high else low + (high - low) * rng.random()
