"""The training errors that a user can mend: one clear line each."""


class TrainError(Exception):
    """Training cannot go on: what was wrong, with what, and how to mend it."""

    exit_code = 1
