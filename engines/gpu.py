"""Find the NVIDIA GPU: its name, compute capability and driver, by CUDA's own runtime."""

import ctypes
import sys
from dataclasses import dataclass

from engines.errors import BackendUnavailableError, not_imported


@dataclass(frozen=True)
class Gpu:
    """The first GPU that CUDA sees.

    compute_capability: as "8.9"; driver_cuda: the newest CUDA that the driver knows, as "13.0".
    """

    name: str
    compute_capability: str
    memory_mib: int
    driver_cuda: str


def check_driver() -> None:
    """Find out without any package whether this machine can have a GPU for CUDA.

    Raises:
        BackendUnavailableError: there is no NVIDIA driver.
    """
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        raise BackendUnavailableError("no NVIDIA driver here") from error


def find_gpu() -> Gpu:
    """Return the GPU that engines are built for and run on.

    Raises:
        BackendUnavailableError: there is no driver, or CUDA's bindings are not installed, do not
            load, or see no GPU.
    """
    check_driver()  # without one CUDA would blame its version
    try:
        from cuda.bindings import runtime
    except (ImportError, OSError) as error:
        remedy = 'pip install "rtloc[tensorrt]"'
        raise not_imported("cuda-python", ["cuda", "cuda.bindings"], remedy, error) from error
    try:
        status, count = runtime.cudaGetDeviceCount()
    except RuntimeError as error:  # of the bindings, where the driver's library is missing
        raise BackendUnavailableError(f"no NVIDIA driver: {error}") from error
    if status != runtime.cudaError_t.cudaSuccess or not count:
        _, reason = runtime.cudaGetErrorString(status)
        why = reason.decode() if int(status) else "CUDA sees none"
        raise BackendUnavailableError(f"no NVIDIA GPU: {why}")
    _, properties = runtime.cudaGetDeviceProperties(0)
    _, version = runtime.cudaDriverGetVersion()
    return Gpu(
        name=properties.name.decode().rstrip("\0"),
        compute_capability=f"{properties.major}.{properties.minor}",
        memory_mib=properties.totalGlobalMem >> 20,
        driver_cuda=f"{version // 1000}.{version % 1000 // 10}",
    )
