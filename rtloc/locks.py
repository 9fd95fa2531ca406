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

    Windows needs none: there an open file cannot be moved. A file system without locks has none.

    Raises:
        OSError: the file cannot be made.
    """
    while True:
        number = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if sys.platform == "win32":
            os.close(number)
            return lambda: None
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
