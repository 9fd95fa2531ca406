"""The training errors that a user can mend: one clear line each."""

from pathlib import Path


class TrainError(Exception):
    """Training cannot go on: what was wrong, with what, and how to mend it."""

    exit_code = 1


class DivergedError(TrainError):
    """The loss is no longer a finite number, and the weights are spoilt."""


def cannot_write(path: Path) -> str:
    """Return the line of an error for a file of a run that cannot be written."""
    folder = path.parent
    why = "the disk is full or the folder is read-only" if folder.is_dir() else f"{folder} is gone"
    return f"cannot write {path}: {why}; mend that, then go on (training: with --resume)"
