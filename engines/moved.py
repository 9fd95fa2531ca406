"""Write a file under another name, and move it to its own when it is whole."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

# on Windows a file cannot be moved while a virus scanner, say, looks into it
PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0) if sys.platform == "win32" else ()


def partial_name(path: Path) -> Path:
    """Return the usual name under which a file is written until it is whole."""
    return path.with_name(f".{path.name}.part")


@contextmanager
def moved_when_whole(partial: Path, path: Path) -> Iterator[Path]:
    """Give `partial` to write to, and move it to `path` when the block ends well.

    Else nothing is left of it, and what was at `path` stays.

    Raises:
        OSError: it cannot be moved; each caller says in its own words what that means.
    """
    try:
        yield partial
        move(partial, path)
    finally:
        with suppress(OSError):  # it was moved, or never made
            partial.unlink()


def move(source: Path, target: Path) -> None:
    """Move a file or a folder, in the place of a file that is there.

    Raises:
        OSError: it cannot be moved.
    """
    for pause_s in PAUSES_S:
        with suppress(PermissionError):
            source.replace(target)
            return
        time.sleep(pause_s)
    source.replace(target)


def try_beside(path: Path) -> None:
    """Find out whether a file can be made in a path's folder, by one of a name of its own.

    Others may try the same place, and the partial name may be that of what a killed run left.

    Raises:
        OSError: none can.
    """
    try_to_make(path.with_name(f".{path.name}.{token_hex(4)}"))


def try_to_make(path: Path) -> None:
    """Make an empty file where there is none, and remove it again.

    It is not left to `tempfile`, which on Windows tries two thousand million names in a folder that
    may not be written in (https://github.com/python/cpython/issues/66305).

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    path.unlink()
