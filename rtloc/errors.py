"""The errors that a user can mend: one clear line each, with the exit code of the run."""


class RtlocError(Exception):
    """A run that failed: what was wrong, with what, and how to mend it. Exit code 1."""

    exit_code = 1


class UsageError(RtlocError):
    """A command that was asked for something it cannot do. Exit code 2."""

    exit_code = 2
