"""Tell which pictures are left out for their names, and say so.

Those that are named like a class may show what shall be found; cut-outs have certain endings, and
lie in the folder of their class.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from train.cutouts import SUFFIXES
from train.errors import TrainError
from train.picture_file import files_below

SHOWN = 3  # names in a message
OTHER_PICTURES = {".avif", ".bmp", ".gif", ".heic", ".jfif", ".jpeg", ".jpg", ".tif", ".tiff"}


def words_of(name: str) -> list[str]:
    """Return the words of a name, in small letters and without a plural's s."""
    return [word.rstrip("s") for word in re.findall(r"[^\W\d_]+", name.lower())]


def is_named_like(path: Path, labels: Iterable[str]) -> bool:
    """Say whether a file's name has all words of a label in it, as they are or as one word."""
    own = set(words_of(path.stem))
    return any(
        words and (own.issuperset(words) or "".join(words) in own)
        for words in map(words_of, labels)
    )


def left_out(paths: Sequence[Path], labels: Collection[str]) -> list[Path]:
    """Return those of some files that are named like one of the labels."""
    return [path for path in paths if is_named_like(path, labels)]


def note_of(paths: Sequence[Path], what: str) -> str | None:
    """Say that files are left out for their names, or return None: there are none."""
    if not paths:
        return None
    names = some_of([path.name for path in paths])
    return f"left out {len(paths)} {what} that are named like what shall be found: {names}"


def some_of(names: Sequence[str]) -> str:
    """Return the first few of some names."""
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")


def note_of_unused(
    folder: Path, suffixes: Collection[str], depths: Collection[int], use: str
) -> str | None:
    """Say that pictures below a folder are left out, or return None: there are none.

    Used are those that end so and lie so deep: 1, in the folder itself, or 2, in one in it. use:
    the same for people.
    """
    try:
        every = files_below(folder, SUFFIXES | OTHER_PICTURES)
    except TrainError:  # what cannot be read there is not used, and so no fault
        return None
    inside = [path.relative_to(folder) for path in every]
    unused = [
        str(path)
        for path in inside
        if len(path.parts) not in depths or path.suffix.lower() not in suffixes
    ]
    if not unused:
        return None
    return f"left out of {folder}: {some_of(unused)} ({len(unused)} in all); {use}"
