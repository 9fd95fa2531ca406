"""The errors of model files and backends that a user can mend: one clear line each."""

from collections.abc import Collection


class EngineError(Exception):
    """A model file or a backend cannot be used: what is wrong, and how to mend it. Exit code 1."""

    exit_code = 1


class UnknownNameError(EngineError):
    """No model or backend goes by the name that was given. Exit code 2."""

    exit_code = 2


class InputSizeError(EngineError):
    """A model does not take frames of the size that was asked for. Exit code 2."""

    exit_code = 2


class BackendUnavailableError(EngineError):
    """The runtime of a backend is not installed or does not run here."""


class DeviceLostError(EngineError):
    """A GPU stopped working in the middle of a run; another backend may go on."""


def not_imported(
    name: str, modules: Collection[str], remedy: str, error: Exception
) -> BackendUnavailableError:
    """Tell a runtime that is not installed from one that is, but does not load.

    modules: what is missing where it is not installed; error: of its import.
    """
    if isinstance(error, ModuleNotFoundError) and error.name in modules:
        return BackendUnavailableError(f"{name} is not installed ({remedy})")
    return broken(name, error)


def broken(name: str, error: Exception) -> BackendUnavailableError:
    """Say that a runtime is there, but does not load."""
    reason = " ".join(str(error).split())  # in one line
    return BackendUnavailableError(f"{name} does not load: {reason}; install it again")
