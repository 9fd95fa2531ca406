"""Cut drawings out of their white background, to train with them or to measure a model on them.

python benchmarks/cut_from_white.py out/artwork Bulbasaur=1.jpg Charmander=4.jpg …
rtloc eval pokemon many-objects --cutouts out/artwork --count 500
"""

from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.pictures import write_picture

Image = NDArray[np.uint8]
ROOM_PX = 4  # of white round the drawing, so that all of the background hangs together
NEARLY_WHITE = 14  # grey levels, of any channel: what JPEG makes of white
SOFT_PX = 0.8  # standard deviation of the edge


def cut_from_white(drawing: Image) -> Image:
    """Return a drawing, uint8 [H, W, 3], as BGRA: transparent where white reaches in from the edge.

    What is white inside stays. The outermost pixel of the drawing goes, as it is half white.
    """
    sides = [ROOM_PX] * 4
    image = cv2.copyMakeBorder(drawing, *sides, cv2.BORDER_CONSTANT, value=(255,) * 3)
    height, width = image.shape[:2]
    reached = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | 255 << 8
    near = (NEARLY_WHITE,) * 3
    cv2.floodFill(image, reached, (0, 0), 0, near, near, flags)
    inside = cv2.erode(cv2.bitwise_not(reached[1:-1, 1:-1]), np.ones((3, 3), np.uint8))
    alpha = cv2.GaussianBlur(inside, (0, 0), SOFT_PX)
    return np.dstack([image, alpha]).astype(np.uint8)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.argument("drawings", nargs=-1, required=True, metavar="LABEL=PICTURE...")
def main(out: Path, drawings: tuple[str, ...]) -> None:
    """Write to OUT a folder per label with the drawing in PICTURE as a cut-out."""
    for given in drawings:
        label, _, path = given.partition("=")
        drawing = cv2.imread(path)
        if not label or drawing is None:
            raise click.UsageError(f"{given} is no LABEL=PICTURE; name one that can be read")
        (out / label).mkdir(parents=True, exist_ok=True)
        write_picture(out / label / "drawing.png", cut_from_white(drawing.astype(np.uint8)))


if __name__ == "__main__":
    main()
