"""Shrink photos for the training set: `python -m train.shrink_photos DEST PHOTO...`.

Each photo becomes a JPEG (quality 85) of at most 640 px on its longer side: training pictures are
384 px for an input of 512, so a crop of three fifths of a photo still has a pixel for each of
theirs.
"""

from pathlib import Path

import click
import cv2

LONGER_SIDE_PX = 640


@click.command()
@click.argument("dest", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def main(dest: Path, photos: tuple[Path, ...]) -> None:
    """Write a small copy of each of PHOTOS into the folder DEST."""
    for path in photos:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise click.ClickException(f"cannot read {path} as a picture")
        scale = min(1.0, LONGER_SIDE_PX / max(image.shape[:2]))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        target = dest / f"{path.stem.lower()}.jpg"
        if not cv2.imwrite(str(target), small, [cv2.IMWRITE_JPEG_QUALITY, 85]):
            raise click.ClickException(f"cannot write {target}")


if __name__ == "__main__":
    main()
