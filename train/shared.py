"""Hand large arrays to other processes without a copy for each: all of them map one file.

By pickle's protocol 5 arrays are written apart from the rest (https://peps.python.org/pep-0574/).
"""

import mmap
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from train.errors import TrainError

ALIGNMENT = 64  # bytes
COUNT_BYTES = 8


@contextmanager
def in_a_file(thing: object) -> Iterator[Path]:
    """Write what other processes are to have; yield the file's name. It is gone with the block.

    Raises:
        TrainError: there is no room for it.
    """
    # on Windows it stays where a process still has it, until the system sweeps its folder
    with TemporaryDirectory(prefix="rtloc-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "shared"
        try:
            write(thing, path)
        except OSError as error:
            raise TrainError(
                f"cannot write {path}: {error.strerror}; TMPDIR names another folder, and "
                "--workers 0 or 1 needs none"
            ) from error
        yield path


def write(thing: object, path: Path) -> None:
    """Write a file for `read`: arrays, then all else, then how long that is."""
    arrays: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(thing, protocol=5, buffer_callback=arrays.append)
    places = []
    with path.open("wb") as file:
        for array in arrays:
            file.write(bytes(-file.tell() % ALIGNMENT))
            places.append((file.tell(), array.raw().nbytes))
            file.write(array.raw())
        end = pickle.dumps((rest, places))
        file.write(end + len(end).to_bytes(COUNT_BYTES, "little"))


def read(path: Path) -> Any:
    """Return what was written; a page of its arrays is copied only where it is changed."""
    with path.open("rb") as file:
        whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    length = int.from_bytes(whole[-COUNT_BYTES:], "little")
    rest, places = pickle.loads(whole[-COUNT_BYTES - length : -COUNT_BYTES])
    return pickle.loads(rest, buffers=[whole[at : at + size] for at, size in places])
