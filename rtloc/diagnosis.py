"""Find out what is on this machine that rtloc could use, and why not what is not."""

import platform
import sys
from typing import Any

import cv2

from engines.backends import BACKENDS, open_backend
from engines.cores import usable_cores
from engines.engine_cache import cache_folder, engines_in_cache
from engines.errors import BackendUnavailableError, EngineError
from engines.gpu import find_gpu
from engines.model_file import read_model_info, resolve_model, shipped_models
from engines.tensorrt_module import MODULES, check_gpu, load_tensorrt
from rtloc import __version__
from rtloc.bench.machine import installed
from rtloc.cameras import cameras
from rtloc.errors import RtlocError
from rtloc.localizer import DEFAULT_MODEL

LIBRARIES = (
    *("numpy", "opencv-python", "opencv-python-headless", "av", "openvino", "onnxruntime"),
    *("cuda-bindings", "tensorrt", "tensorrt-rtx-cu13-bindings", "torch", "onnx"),
)
USABLE = "usable"


def diagnosis() -> dict[str, Any]:
    """Look at everything; what is said is text and numbers, ready for JSON."""
    backends = {name: state_of(name) for name in BACKENDS}
    usable = [name for name, state in backends.items() if state == USABLE]
    engines = list(engines_in_cache())
    return {
        "rtloc": __version__,
        "system": f"{platform.platform()}, {usable_cores()} cores",
        "python": sys.version.split()[0],
        "libraries": {name: installed(name) or "not installed" for name in LIBRARIES},
        "opencv": {
            "windows": cv2.currentUIFramework() or "none (headless)",
            "cameras by": [
                cv2.videoio_registry.getBackendName(backend)
                for backend in cv2.videoio_registry.getCameraBackends()
            ],
            "streams by": [
                cv2.videoio_registry.getBackendName(backend)
                for backend in cv2.videoio_registry.getStreamBackends()
            ],
        },
        "cameras": camera_names(),
        "gpu": gpu(),
        "backends": backends,
        "auto takes": usable[0] if usable else "nothing",
        "engine cache": {
            "folder": str(cache_folder()),
            "engines": len(engines),
            "MB": round(sum(engine.size_bytes for engine in engines) / 1e6, 1),
        },
        "models": {
            name: f"{info.precision}, {', '.join(info.labels)}"
            for name, path in shipped_models().items()
            for info in [read_model_info(path)]
        },
    }


def camera_names() -> list[str]:
    """Return the cameras by device or index, and name."""
    try:
        return [f"{one.device or one.index}: {one.name}" for one in cameras()]
    except RtlocError as error:
        return [str(error)]


def gpu() -> str:
    """Describe the GPU, or say why there is none."""
    try:
        found = find_gpu()
    except BackendUnavailableError as error:
        return str(error)
    return (
        f"{found.name}, compute capability {found.compute_capability}, {found.memory_mib} MiB, "
        f"driver for CUDA {found.driver_cuda}"
    )


def state_of(backend: str) -> str:
    """Say whether a backend can be used, or why not; nothing is compiled for that."""
    try:
        if backend in MODULES:
            check_gpu(load_tensorrt(backend), backend, find_gpu())
        else:
            info = read_model_info(resolve_model(DEFAULT_MODEL))
            open_backend(info, backend)[0].close()
    except EngineError as error:
        return str(error)
    return USABLE
