"""Output files that grow while a run goes on, and are kept however it ends."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from engines.moved import move
from rtloc.errors import RtlocError
from rtloc.files import check_writable, keep_leftover, numbers_behind, partial_name
from rtloc.locks import lock

LOG = logging.getLogger(__name__)


@contextmanager
def growing_file(path: Path, *, beside: bool = False) -> Iterator[Path]:
    """Yield the name of a file that is written under its partial name until the block ends.

    However it ends, what is there is moved to that name; where nothing was written, what was there
    stays. What a killed run left is kept.

    beside: where there is something at `path`, or another run writes it, take the first number
    behind it, and say so; otherwise the name is `path`.

    Raises:
        RtlocError: it cannot be written, or another run writes it; what the block itself raises
            passes unchanged.
    """
    with refusals_named(path):
        name, free = claim(path, beside)
    partial = partial_name(name)
    try:
        yield name
    finally:
        try:
            with refusals_named(name):
                if partial.stat().st_size:
                    move(partial, name)
                else:
                    partial.unlink()
        finally:
            free()


def claim(path: Path, beside: bool) -> tuple[Path, Callable[[], None]]:
    """Lock the partial file of a name, and return the name and what frees it; see `growing_file`.

    Raises:
        RtlocError: another run writes it.
        OSError: it cannot be written.
    """
    for name in chain([path], numbers_behind(path)) if beside else [path]:
        free = None if beside and name.exists() else claim_one(name, path)
        if free and beside and name.exists():  # the run that wrote it has ended meanwhile
            partial_name(name).unlink()
            free()
            continue
        if free:
            if name != path:
                LOG.info("%s is taken; this goes to %s", path, name)
            return name, free
    raise RtlocError(f"another run is writing {path}; name another file, or wait for it")


def claim_one(name: Path, like: Path) -> Callable[[], None] | None:
    """Lock an empty partial file, and return what frees it; None where another run has it.

    like: see `keep_leftover`.
    """
    partial = partial_name(name)
    free = lock(partial)
    if free is None or not partial.stat().st_size:
        return free
    keep_leftover(name, like)
    free()
    return lock(partial)


def forget(partial: Path) -> None:
    """Empty a growing file that holds nothing of use, so that it is not moved to its name."""
    partial.write_bytes(b"")


@contextmanager
def refusals_named(path: Path) -> Iterator[None]:
    """Say of what the system refuses which file it was for.

    Raises:
        RtlocError: instead of its error.
    """
    try:
        yield
    except OSError as error:
        raise RtlocError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def text_output(path: Path, *, beside: bool = False) -> Iterator[TextIO]:
    r"""Open a text file that appears at `path` when the block ends, even if it ends early.

    Where nothing was written, what was at `path` stays. What a killed run left is kept. Each line
    is written at once, for those who watch. Of a name of a file, what is no UTF-8 is written as
    `\udc80` to `\udcff`, as JSON has it. beside: as of `growing_file`.

    Raises:
        UsageError: the file cannot be written there.
        RtlocError: what was still to be written at the end cannot be; the disk is full, or so.
    """
    check_writable(path)
    with growing_file(path, beside=beside) as name:
        with refusals_named(name):
            file = partial_name(name).open("w", 1, "utf-8", "backslashreplace", newline="")
        try:
            yield file
        finally:
            with refusals_named(name):
                file.close()
