"""Write a file under another name, and move it to its own when it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
        partial.replace(path)
    finally:
        with suppress(OSError):  # it was moved, or never made
            partial.unlink()
