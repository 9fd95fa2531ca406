"""The folder of a training run: only one run at a time writes in it, and none over another."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engines.moved import try_beside
from rtloc.errors import RtlocError, UsageError
from rtloc.locks import lock

HELD = ".held"  # the file that is locked; it is there only while a run is


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Make a run's folder, and let no other run write in it until the block ends.

    What was made is removed again where nothing was put into it.

    Raises:
        RtlocError: nothing can be written there, or another run is under way there.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try_beside(folder / HELD)
        free = lock(folder / HELD)
    except OSError as error:
        raise RtlocError(
            f"cannot write in {folder}: {error.strerror}; name another folder with --run"
        ) from error
    if free is None:
        raise RtlocError(
            f"another run is under way in {folder}; wait for it, or name another folder with --run"
        )
    try:
        yield
    finally:
        with suppress(OSError):  # another run may have put something there meanwhile
            (folder / HELD).unlink()
        free()
        with suppress(OSError):
            for one in missing:
                one.rmdir()


def check_unused(folder: Path) -> None:
    """Make sure that there is no run in a folder yet.

    Raises:
        UsageError: there is one.
    """
    if (folder / "last.pt").exists():
        raise UsageError(f"{folder} holds a run already; add --resume, or name another with --run")
    if (folder / "best.pt").exists():
        raise UsageError(
            f"{folder} holds the best.pt of a run; move it away, or name another folder with --run"
        )
