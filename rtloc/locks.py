"""Let no two runs write one file: the lock on it ends with its process, even if that is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def lock(path: Path) -> Callable[[], None] | None:
    """Lock a file, made if it is not there; return what frees it, None where it is locked already.

    A file system without locks has none.

    Raises:
        OSError: the file cannot be made.
    """
    if sys.platform == "win32":
        return lock_beside(path)
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            return None
        except OSError:  # no locks here
            return partial(os.close, number)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(number), path.stat()):
                return partial(os.close, number)
        os.close(number)  # whoever had it has moved it meanwhile: begin anew


def lock_beside(path: Path) -> Callable[[], None] | None:
    """Do as `lock` with a file PATH.lock: on Windows others could not write what is locked itself.

    Raises:
        OSError: a file cannot be made.
    """
    from filelock import FileLock, Timeout  # brings asyncio with it, which others need not wait for

    held = FileLock(f"{path}.lock")
    try:
        held.acquire(timeout=0)
    except Timeout:
        return None
    path.touch()

    def free() -> None:
        held.release()
        with suppress(OSError):
            Path(held.lock_file).unlink()

    return free
