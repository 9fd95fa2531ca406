"""CUDA, as far as running an engine needs it: memory, a stream, graphs, and errors that say what.

NVIDIA's own bindings: https://nvidia.github.io/cuda-python/cuda-bindings/latest/.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from cuda.bindings import runtime
from numpy.typing import NDArray

from engines.errors import DeviceLostError


def checked(answer: tuple[Any, ...]) -> Any:
    """Return what a CUDA call returned besides its status; raise DeviceLostError if it failed."""
    status, *values = answer
    if status != runtime.cudaError_t.cudaSuccess:
        _, reason = runtime.cudaGetErrorString(status)
        raise DeviceLostError(f"the GPU failed: {reason.decode()} ({status.name})")
    return values[0] if len(values) == 1 else None


class Buffer:
    """Room on the GPU and page-locked room of the same size on the host, allocated once.

    host: uint8 [size], what is copied to the GPU or was copied from there.
    """

    def __init__(self, size: int) -> None:
        self.device: int = checked(runtime.cudaMalloc(size))
        try:
            self._pinned: int = checked(runtime.cudaMallocHost(size))
        except DeviceLostError:
            runtime.cudaFree(self.device)
            raise
        array = (ctypes.c_uint8 * size).from_address(self._pinned)
        self.host: NDArray[np.uint8] = np.ctypeslib.as_array(array)

    def copy(self, up: bool, stream: Any) -> None:
        """Copy all to the GPU, or from it, in the stream's order."""
        kinds = runtime.cudaMemcpyKind
        kind = kinds.cudaMemcpyHostToDevice if up else kinds.cudaMemcpyDeviceToHost
        to, of = (self.device, self._pinned) if up else (self._pinned, self.device)
        checked(runtime.cudaMemcpyAsync(to, of, len(self.host), kind, stream))

    def free(self) -> None:
        """Give the memory back; what fails is left, as when the GPU is gone."""
        runtime.cudaFree(self.device)
        runtime.cudaFreeHost(self._pinned)


class Event:
    """A moment in a stream, by the GPU's own clock."""

    def __init__(self) -> None:
        self._handle: Any = checked(runtime.cudaEventCreate())

    def record(self, stream: Any) -> None:
        """Make it the moment at which all work so far in the stream is done."""
        checked(runtime.cudaEventRecord(self._handle, stream))

    def ms_until(self, later: Event) -> float:
        """Return how many milliseconds lie between this moment and a later one, both past."""
        return float(checked(runtime.cudaEventElapsedTime(self._handle, later._handle)))

    def close(self) -> None:
        """Give it back."""
        runtime.cudaEventDestroy(self._handle)


class Stream:
    """A CUDA stream, in which work may be recorded once as a graph and played again."""

    def __init__(self) -> None:
        self.handle: Any = checked(runtime.cudaStreamCreateWithFlags(runtime.cudaStreamNonBlocking))
        self._graphs: list[Any] = []

    def wait(self) -> None:
        """Wait until all work is done."""
        checked(runtime.cudaStreamSynchronize(self.handle))

    def record(self, work: Callable[[], None]) -> Callable[[], None] | None:
        """Record what `work` would do; return what does it, or None where it cannot be recorded."""
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        try:
            checked(runtime.cudaStreamBeginCapture(self.handle, mode))
            work()
            graph = checked(runtime.cudaStreamEndCapture(self.handle))
            ready = checked(runtime.cudaGraphInstantiate(graph, 0))
        except DeviceLostError:
            runtime.cudaStreamEndCapture(self.handle)  # where the recording still goes on
            runtime.cudaGetLastError()  # else the next call would fail with this one's error
            return None
        runtime.cudaGraphDestroy(graph)
        self._graphs.append(ready)
        return lambda: checked(runtime.cudaGraphLaunch(ready, self.handle))

    def close(self) -> None:
        """Give back the stream and its graphs."""
        for graph in self._graphs:
            runtime.cudaGraphExecDestroy(graph)
        self._graphs.clear()
        runtime.cudaStreamDestroy(self.handle)
