"""Load TensorRT's Python API: `tensorrt` 10 or 11, or TensorRT for RTX, which has the same names.

https://docs.nvidia.com/deeplearning/tensorrt/latest/ and
https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/
"""

from importlib import import_module
from typing import Any

from engines.errors import BackendUnavailableError

# what to import, the first that is there; the wheels of TensorRT for RTX bring only the second name
MODULES = {
    "tensorrt": ("tensorrt",),
    "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),
}


def load_tensorrt(flavour: str) -> Any:
    """Import the module of a flavour, a key of MODULES.

    Raises:
        BackendUnavailableError: it is not installed, or its libraries do not load.
    """
    for name in MODULES[flavour]:
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise broken(flavour, error) from error
        except (ImportError, OSError) as error:
            raise broken(flavour, error) from error
    raise BackendUnavailableError(f"{flavour} is not installed (pip install 'rtloc[{flavour}]')")


def broken(flavour: str, error: Exception) -> BackendUnavailableError:
    """Say that a module is there, but does not load."""
    return BackendUnavailableError(f"{flavour} does not load: {error}; install it again")
