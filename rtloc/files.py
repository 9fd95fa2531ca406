"""Output files: checked before the work starts, and moved to their name when they are whole."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from engines.moved import move, moved_when_whole, try_beside
from rtloc.errors import RtlocError, UsageError

LOG = logging.getLogger(__name__)


def partial_name(path: Path) -> Path:
    """Return the name under which `path` is written until it is whole."""
    return path.with_name(f".{path.stem}.part{path.suffix}")


def next_free(path: Path) -> Path:
    """Return `path` with the first number behind its name that is free, and not being written."""
    names = numbers_behind(path)
    return next(one for one in names if not one.exists() and not partial_name(one).exists())


def numbers_behind(path: Path) -> Iterator[Path]:
    """Yield `path` with 2, 3 and so on behind its name."""
    return (path.with_stem(f"{path.stem}-{number}") for number in count(2))


def keep_leftover(path: Path, like: Path | None = None) -> None:
    """Give a name to what a run that was killed left of `path`, and say so.

    like: the name that gets a number; `path` itself, unless it has one already.

    Raises:
        OSError: it cannot be moved.
    """
    partial = partial_name(path)
    if partial.exists() and partial.stat().st_size:
        kept = partial.replace(next_free(like or path))
        LOG.warning("%s is what an earlier run left of %s", kept, path)


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
        try_beside(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another place") from error


def check_apart(output: Path, *others: Path) -> None:
    """Make sure that what will be written is none of the other files, there already or not.

    Raises:
        UsageError: it is one.
    """
    for other in others:
        is_there = output.exists() and other.exists()
        if output.resolve() == other.resolve() or (is_there and output.samefile(other)):
            raise UsageError(f"{output} is {other} itself; name another file to write")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a name to write to, and move what is there to `path` when the block ends well.

    Raises:
        RtlocError: it cannot be written; the disk is full, or so. What was at `path` stays.
    """
    try:
        with moved_when_whole(partial_name(path), path) as partial:
            yield partial
    except OSError as error:
        raise RtlocError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder, whose files appear in `path` when the block ends well.

    Raises:
        UsageError: there is something at `path`, or no folder can be made there.
        RtlocError: a file cannot be written in it.
    """
    check_new(path)
    partial = partial_folder(path)
    try:
        partial.mkdir()
        yield partial
        if partial.parent == path:  # it was there, and may be a link or a file system of its own
            for one in partial.iterdir():
                move(one, path / one.name)
        else:
            move(partial, path)
    except OSError as error:
        raise RtlocError(f"cannot write {path}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def partial_folder(path: Path) -> Path:
    """Return where a folder is written until it is whole: in itself, if it is there already."""
    return path / ".part" if path.is_dir() else partial_name(path)


def check_new(path: Path) -> None:
    """Make sure that a folder can be made at `path`; an empty one may be there.

    Raises:
        UsageError: it cannot.
    """
    try:
        partial = partial_folder(path)
        # a link to nothing is in the way, too
        is_taken = set(path.iterdir()) - {partial} if path.is_dir() else os.path.lexists(path)
        if is_taken or path.name in {"", ".."}:
            raise UsageError(f"{path} is there already; remove it, or name another folder")
        if not path.parent.is_dir():
            raise UsageError(
                f"cannot write {path}: there is no folder {path.parent}; make it first"
            )
        if partial.exists():  # of a run that was killed
            shutil.rmtree(partial)
        partial.mkdir()
        partial.rmdir()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; choose another place") from error
