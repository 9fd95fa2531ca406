"""Shrink photos for the training set: `python -m train.shrink_photos DEST PHOTO...`.

Each photo becomes a JPEG (quality 85) of at most 640 px on its longer side: training pictures are
384 px for an input of 512, so a crop of three fifths of a photo still has a pixel for each of
theirs.
"""

from pathlib import Path

import click
import cv2

from train.errors import TrainError
from train.photos import read_photo


@click.command()
@click.argument("dest", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
def main(dest: Path, photos: tuple[Path, ...]) -> None:
    """Write a small copy of each of PHOTOS into the folder DEST."""
    for path in photos:
        target = dest / f"{path.stem.lower()}.jpg"
        if target.exists():
            raise click.ClickException(f"{target} is there already; rename {path}")
        try:
            small = read_photo(path)
        except TrainError as error:
            raise click.ClickException(str(error)) from error
        if not cv2.imwrite(str(target), small, [cv2.IMWRITE_JPEG_QUALITY, 85]):
            raise click.ClickException(f"cannot write {target}")


if __name__ == "__main__":
    main()
