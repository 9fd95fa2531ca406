"""A GPU short of memory: it is told as a lost one, which gives way to the CPU, and nothing is kept.

NVIDIA's bindings are stood in for: a real GPU cannot be made to fail at one allocation of several.
"""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from engines.errors import DeviceLostError
from engines.tensorrt_backend import Context

runtime = pytest.importorskip("cuda.bindings.runtime")
WORKS, FULL = runtime.cudaError_t.cudaSuccess, runtime.cudaError_t.cudaErrorMemoryAllocation
ALLOCATES = ("cudaStreamCreateWithFlags", "cudaMalloc", "cudaMallocHost")
GIVES_BACK = ("cudaStreamDestroy", "cudaFree", "cudaFreeHost")
FRAMES = (1, 64, 64, 3)


class FullGpu:
    """CUDA's allocations, of which those after the first so many fail; and an engine."""

    def __init__(self, room_for: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.held = room_for, dict[int, Any]()
        for name in ALLOCATES:
            monkeypatch.setattr(runtime, name, self.allocate)
        for name in GIVES_BACK:
            monkeypatch.setattr(runtime, name, self.give_back)

    def allocate(self, size: int) -> tuple[Any, int]:
        if not self.left:
            return FULL, 0
        self.left -= 1
        room = ctypes.create_string_buffer(size)
        self.held[ctypes.addressof(room)] = room
        return WORKS, ctypes.addressof(room)

    def give_back(self, handle: int) -> tuple[Any]:
        del self.held[handle]
        return (WORKS,)

    def create_execution_context(self) -> FullGpu:
        return self

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        return True

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (1, 50)

    def set_tensor_address(self, name: str, address: int) -> bool:
        return True


class NoContext:
    """An engine of TensorRT, which gives None where it has no memory for a context."""

    def create_execution_context(self) -> None:
        return None


def test_no_memory_for_a_context_is_a_lost_gpu() -> None:
    engine: Any = NoContext()
    with pytest.raises(DeviceLostError, match="the GPU failed: TensorRT could not get the memory"):
        Context(engine, FRAMES)


@pytest.mark.parametrize("room_for", range(9))
def test_what_was_there_before_memory_ran_out_is_given_back(
    room_for: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = FullGpu(room_for, monkeypatch)
    with pytest.raises(DeviceLostError, match="the GPU failed: out of memory"):
        Context(engine, FRAMES)
    assert engine.left == 0
    assert engine.held == {}
