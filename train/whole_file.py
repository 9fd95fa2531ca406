"""Write a file whole or not at all: under another name first, then moved to its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engines.moved import moved_when_whole, partial_name
from train.errors import TrainError, cannot_write


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name to write to, and move what is there to `path` when the block ends well.

    Raises:
        TrainError: the folder is gone, or the disk is full; what was at `path` stays.
    """
    try:
        with moved_when_whole(partial_name(path), path) as partial:
            yield partial
    except OSError as error:
        raise TrainError(cannot_write(path)) from error
