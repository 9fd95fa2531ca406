"""Load TensorRT's Python API: `tensorrt` 10 or 11, or TensorRT for RTX, which has the same names.

https://docs.nvidia.com/deeplearning/tensorrt/latest/ and
https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/
"""

from importlib import import_module
from typing import Any

from engines.errors import BackendUnavailableError, broken
from engines.gpu import Gpu

# what to import, the first that is there; the wheels of TensorRT for RTX bring only the second name
MODULES = {
    "tensorrt": ("tensorrt",),
    "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),
}
TURING = 75  # compute capability 7.5


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
    raise BackendUnavailableError(f'{flavour} is not installed (pip install "rtloc[{flavour}]")')


def check_gpu(trt: Any, flavour: str, gpu: Gpu) -> None:
    """Make sure that a flavour's engines run on a GPU; TensorRT for RTX names those that they do.

    It takes newer ones than it knows, too:
    https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/inference-library/cpu-engines.html

    Raises:
        BackendUnavailableError: they do not.
    """
    if flavour != "tensorrt-rtx":
        return
    members = trt.ComputeCapability.__members__
    known = [int(name[2:]) for name in members if name.startswith("SM")]
    if sm_of(gpu) not in known and sm_of(gpu) < max(known):
        of = ", ".join(f"{sm // 10}.{sm % 10}" for sm in sorted(known))
        raise BackendUnavailableError(
            f"{flavour} does not know the {gpu.name}, whose compute capability is "
            f"{gpu.compute_capability}; it takes {of} and newer ones"
        )


def sm_of(gpu: Gpu) -> int:
    """Return a GPU's compute capability as the number that names its kind, 75 for Turing."""
    major, minor = gpu.compute_capability.split(".")
    return 10 * int(major) + int(minor)


def is_built_apart(flavour: str, gpu: Gpu) -> bool:
    """Say whether a GPU needs engines that newer ones cannot run: Turing, of TensorRT for RTX.

    https://docs.nvidia.com/deeplearning/tensorrt-rtx/latest/inference-library/cpu-engines.html
    """
    known = bool(gpu.compute_capability)
    return known and flavour == "tensorrt-rtx" and sm_of(gpu) == TURING
