"""The backends: what each must do, their table, and how one is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engines.engine_file import SUFFIX, read_engine_info
from engines.errors import BackendUnavailableError, EngineError, UnknownNameError
from engines.model_file import ModelInfo, read_model_info


@dataclass(frozen=True, eq=False)
class RawOutputs:
    """What a model answers to B frames, K rows each, best first.

    boxes: float32 [B, K, 4], x1 y1 x2 y2 in pixels of the input; scores: float32 [B, K];
    class_ids: int64 [B, K].
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]


class Backend(Protocol):
    """A model made ready to run. `infer` may be called from any number of threads at once.

    info: of the file that runs, where that is another form of the model that was asked for.
    """

    name: str
    info: ModelInfo

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, H, W, 3], BGR, letterboxed."""
        ...

    def close(self) -> None:
        """Give back what the runtime holds."""
        ...


@runtime_checkable
class HasDevice(Protocol):
    """A backend whose device works beside the host, and has a clock of its own."""

    def device_times_ms(self, frames: NDArray[np.uint8]) -> dict[str, float]:
        """Run frames step by step; return the device's time of each, and the host's to ask."""
        ...


@dataclass(frozen=True)
class Load:
    """How a backend shall share the CPU.

    streams: inferences that run side by side, when as many threads call; threads: cores for each of
    them, or None for the runtime's own choice; batch: how many frames most inferences will have, so
    that these are made ready at the start. One stream and one frame at a time give the lowest
    latency, a few streams of fewer threads and several frames at once the most frames per second.
    report: is told how far the backend is with what takes it long: phase, steps done, steps in all.
    """

    streams: int = 1
    threads: int | None = None
    batch: int = 1
    report: Callable[[str, int, int], None] = lambda phase, done, steps: None


LOWEST_LATENCY = Load()


def _open_openvino(info: ModelInfo, load: Load) -> Backend:
    from engines.openvino_backend import OpenVinoBackend

    return OpenVinoBackend(info, load)


def _open_openvino_f32(info: ModelInfo, load: Load) -> Backend:
    from engines.openvino_backend import OpenVinoInFloat32

    return OpenVinoInFloat32(info, load)


def _open_onnxruntime(info: ModelInfo, load: Load) -> Backend:
    from engines.onnxruntime_backend import OnnxRuntimeBackend

    return OnnxRuntimeBackend(info, load)


def _open_tensorrt(info: ModelInfo, load: Load) -> Backend:
    from engines.tensorrt_backend import TensorRtBackend

    return TensorRtBackend(info, load)


def _open_tensorrt_rtx(info: ModelInfo, load: Load) -> Backend:
    from engines.tensorrt_backend import TensorRtRtxBackend

    return TensorRtRtxBackend(info, load)


# in the order in which `auto` tries them
BACKENDS: dict[str, Callable[[ModelInfo, Load], Backend]] = {
    "tensorrt": _open_tensorrt,
    "tensorrt-rtx": _open_tensorrt_rtx,
    "openvino": _open_openvino,
    "onnxruntime": _open_onnxruntime,
    "openvino-f32": _open_openvino_f32,
}
CPU_BACKENDS = ("openvino", "onnxruntime")


def open_backend(
    info: ModelInfo, name: str = "auto", load: Load = LOWEST_LATENCY
) -> tuple[Backend, str]:
    """Make a model ready on the named backend; `auto` takes the first that works.

    Returns the backend and, in a few words, why it was taken.

    Raises:
        UnknownNameError: no backend has that name.
        EngineError: the backend cannot run here, or not this model.
    """
    if name not in {"auto", *BACKENDS}:
        known = ", ".join(["auto", *BACKENDS])
        raise UnknownNameError(f"no backend {name!r}; choose one of {known}")
    choice = fitting(info)
    if name != "auto":
        if name not in choice:
            raise EngineError(f"{info.path} is an engine for {', '.join(choice)}, not for {name}")
        return BACKENDS[name](info, load), "as asked"
    return open_first(choice, info, load)


def open_on_cpu(info: ModelInfo, load: Load = LOWEST_LATENCY) -> Backend:
    """Make a model ready on the CPU, as after a GPU was lost.

    Raises:
        EngineError: no backend for the CPU is installed, or none runs this file.
    """
    if info.path.suffix == SUFFIX:
        raise EngineError(f"{info.path} is an engine, and the CPU runs model files only")
    return open_first(CPU_BACKENDS, info, load)[0]


def open_first(names: Sequence[str], info: ModelInfo, load: Load) -> tuple[Backend, str]:
    """Make a model ready on the first of some backends that works; return it and why.

    A GPU that fails, or does not take the model, gives way to the CPU; a model that the CPU does
    not take is a bad model.
    """
    unavailable: dict[str, None] = {}  # in order, each once
    for name in names:
        try:
            backend = BACKENDS[name](info, load)
        except EngineError as error:
            if name in CPU_BACKENDS and not isinstance(error, BackendUnavailableError):
                raise
            unavailable[str(error)] = None
        else:
            return backend, "; ".join(unavailable) or "the first choice on this machine"
    raise EngineError("no backend runs here: " + "; ".join(unavailable))


def fitting(info: ModelInfo) -> tuple[str, ...]:
    """Return the backends that can run a file: an engine only has the one that it was built for."""
    if info.path.suffix == SUFFIX:
        return (read_engine_info(info.path).flavour,)
    return tuple(BACKENDS)


def read_model(path: Path) -> ModelInfo:
    """Read what a model file or an engine file says of itself.

    Raises:
        EngineError: it is unreadable, damaged, or not made by rtloc.
    """
    if path.suffix == SUFFIX:
        return read_engine_info(path).model_info(path)
    return read_model_info(path)
