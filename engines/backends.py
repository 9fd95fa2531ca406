"""The backends: what each must do, their table, and how one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.errors import BackendUnavailableError, EngineError, UnknownNameError
from engines.model_file import ModelInfo


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
    """A model made ready to run. `infer` may be called from any number of threads at once."""

    name: str

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, H, W, 3], BGR, letterboxed."""
        ...

    def close(self) -> None:
        """Give back what the runtime holds."""
        ...


@dataclass(frozen=True)
class Load:
    """How a backend shall share the CPU.

    streams: inferences that run side by side, when as many threads call; threads: cores for each of
    them, or None for the runtime's own choice; batch: how many frames most inferences will have, so
    that these are made ready at the start. One stream and one frame at a time give the lowest
    latency, a few streams of fewer threads and several frames at once the most frames per second.
    """

    streams: int = 1
    threads: int | None = None
    batch: int = 1


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


# in the order in which `auto` tries them
BACKENDS: dict[str, Callable[[ModelInfo, Load], Backend]] = {
    "openvino": _open_openvino,
    "onnxruntime": _open_onnxruntime,
    "openvino-f32": _open_openvino_f32,
}


def open_backend(
    info: ModelInfo, name: str = "auto", load: Load = LOWEST_LATENCY
) -> tuple[Backend, str]:
    """Make a model ready on the named backend; `auto` takes the first that works.

    Returns the backend and, in a few words, why it was taken.

    Raises:
        UnknownNameError: no backend has that name.
        EngineError: the backend cannot run here, or not this model.
    """
    if name != "auto":
        if name not in BACKENDS:
            known = ", ".join(["auto", *BACKENDS])
            raise UnknownNameError(f"no backend {name!r}; choose one of {known}")
        return BACKENDS[name](info, load), "as asked"
    unavailable = []
    for opener in BACKENDS.values():
        try:
            backend = opener(info, load)
        except BackendUnavailableError as error:
            unavailable.append(str(error))
        else:
            return backend, "; ".join(unavailable) or "the first choice on this machine"
    raise EngineError("no backend runs here: " + "; ".join(unavailable))
