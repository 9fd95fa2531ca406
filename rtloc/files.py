"""Output files: checked before the work starts, and moved to their name when they are whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rtloc.errors import UsageError


def partial_name(path: Path) -> Path:
    """Return the name under which `path` is written until it is whole."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def check_writable(path: Path) -> None:
    """Make sure that a file can be written at `path`.

    Raises:
        UsageError: its folder is missing or not writable, or `path` is a folder.
    """
    try:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name a file to write")
        if not path.parent.is_dir():
            raise UsageError(
                f"cannot write {path}: there is no folder {path.parent}; make it first"
            )
        partial_name(path).open("ab").close()
        partial_name(path).unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another place") from error


@contextmanager
def text_output(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears at `path` when the block ends, even if it ends early.

    Raises:
        UsageError: the file cannot be written there.
    """
    check_writable(path)
    partial = partial_name(path)
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            yield file
    finally:
        partial.replace(path)
