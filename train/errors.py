"""The training errors that a user can mend: one clear line each."""


class TrainError(Exception):
    """Training cannot go on: what was wrong, with what, and how to mend it."""

    exit_code = 1


class DivergedError(TrainError):
    """The loss is no longer a finite number, and the weights are spoilt."""
