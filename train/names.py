"""Tell which pictures are named like a class: they may show what shall be found."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

SHOWN = 3  # names in a message


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
    names = ", ".join(path.name for path in paths[:SHOWN])
    more = ", …" if len(paths) > SHOWN else ""
    return f"left out {len(paths)} {what} that are named like what shall be found: {names}{more}"
