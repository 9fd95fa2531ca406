"""Let what rtloc's modules log be read on stderr, a line each."""

import logging
from contextlib import suppress

import click


class EchoHandler(logging.Handler):
    """Writes to whatever stderr is now: a terminal's live line may have taken its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        kind = "warning: " if record.levelno >= logging.WARNING else ""
        # a full disk under stderr must end neither the run nor the thread that had to say something
        with suppress(OSError):
            click.echo(f"rtloc: {kind}{record.getMessage()}", err=True)


def show_log() -> None:
    """Show what the packages `rtloc` and `engines` log, from information on.

    Of Matplotlib only errors: it warns of each font that it does without.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for package in ("rtloc", "engines"):
        logger = logging.getLogger(package)
        if not any(isinstance(handler, EchoHandler) for handler in logger.handlers):
            logger.addHandler(EchoHandler())
            logger.setLevel(logging.INFO)
