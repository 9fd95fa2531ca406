"""Run a model with TensorRT, or TensorRT for RTX, on an NVIDIA GPU.

Not run on the machines that this was written on, which have no GPU: `make test-gpu` runs its tests
on one that has. https://docs.nvidia.com/deeplearning/tensorrt/latest/inference-library/python-api-docs.html
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import Load, RawOutputs
from engines.engine_build import BuildOptions, Talk, listener
from engines.engine_cache import cached_engine
from engines.engine_file import SUFFIX, read_engine
from engines.errors import DeviceLostError, EngineError
from engines.gpu import check_driver, find_gpu
from engines.idle_pool import IdlePool, Shape
from engines.model_file import INPUT, OUTPUTS, ModelInfo, form_in
from engines.padding import BAR_GREY, at_least
from engines.tensorrt_module import check_gpu, is_built_apart, load_tensorrt

if TYPE_CHECKING:
    import tensorrt

NUMBER, INTEGER = np.dtype(np.float32), np.dtype(np.int64)
DTYPES: dict[str, np.dtype[Any]] = {"boxes": NUMBER, "scores": NUMBER, "class_ids": INTEGER}
KEPT_SHAPES = 4  # with idle contexts
STEPS = ("upload", "compute", "download")
PRECISIONS = ("fp16", "fp32")  # of the model files that TensorRT takes, the better first


class TensorRtBackend:
    """An engine on the GPU. Each call has an execution context to itself, kept for later ones."""

    name = "tensorrt"

    def __init__(self, info: ModelInfo, load: Load) -> None:
        """Load the model's engine; it is compiled first where it is not in the cache.

        An engine file (`rtloc compile -o FILE.engine`) is loaded as it is.

        Raises:
            BackendUnavailableError: TensorRT or a GPU is missing, or not for each other.
            EngineError: TensorRT refuses the model or the engine.
        """
        check_driver()
        trt = load_tensorrt(self.name)
        gpu = find_gpu()
        check_gpu(trt, self.name, gpu)
        if info.path.suffix == SUFFIX:
            self.info = info
            about, plan = read_engine(info.path)
        else:
            self.info = form_in(info, PRECISIONS)
            options = BuildOptions(batch=load.batch, turing=is_built_apart(self.name, gpu))
            about, plan = cached_engine(self.info, self.name, gpu, options, load.report)
        talk = Talk(self.name, load.report)
        self._logger = listener(trt, talk)
        self._runtime: tensorrt.Runtime = trt.Runtime(self._logger)
        if about.options.get("version_compatible"):  # such engines hold code for the host, too
            self._runtime.engine_host_code_allowed = True
        self._engine: tensorrt.ICudaEngine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise EngineError(f"{self.name} cannot load {info.path}: {talk.last_error()}")
        self._most, self._shortest = about.shapes[2][0], about.shapes[0][1]
        # the pool makes one at a time: to make one is not safe beside another
        self._contexts = IdlePool(lambda shape: Context(self._engine, shape), KEPT_SHAPES)
        self.infer(np.full((1, *about.shapes[1][1:]), BAR_GREY, np.uint8))

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, H, W, 3], BGR, letterboxed.

        Raises:
            DeviceLostError: the GPU failed.
        """
        frames = at_least(frames, self._shortest)
        parts = [frames[n : n + self._most] for n in range(0, len(frames), self._most)]
        answers = []
        for part in parts:
            with self._contexts.one(part.shape) as context:
                answers.append(context.run(part))
        return RawOutputs(*(np.concatenate(arrays) for arrays in zip(*answers, strict=True)))

    def device_times_ms(self, frames: NDArray[np.uint8]) -> dict[str, float]:
        """Run frames step by step; return the GPU's time of each step, and the host's to ask.

        The steps are those that trtexec separates: upload, compute, download, enqueue. One by one
        they take longer than as the graph that `infer` plays.

        Raises:
            DeviceLostError: the GPU failed.
        """
        frames = at_least(frames, self._shortest)[: self._most]
        with self._contexts.one(frames.shape) as context:
            return context.step_times_ms(frames)

    def close(self) -> None:
        """Give back what the contexts hold on the GPU."""
        self._contexts.close()


class TensorRtRtxBackend(TensorRtBackend):
    """The same with TensorRT for RTX."""

    name = "tensorrt-rtx"


class Context:
    """An execution context for frames of one shape, with its buffers and its stream.

    What it does for a batch is one CUDA graph: the bytes go up, the engine runs, and the few rows
    of its answer come down.
    """

    def __init__(self, engine: tensorrt.ICudaEngine, shape: Shape, graph: bool = True) -> None:
        """shape: of the frames, [B, H, W, 3]; graph: False does the steps one by one.

        Raises:
            EngineError: the engine does not take the shape.
            DeviceLostError: the GPU failed.
        """
        from engines.cuda_memory import Buffer, Stream

        # of Any: the bindings do not tell that it is None where there is no memory for it
        context: Any = engine.create_execution_context()
        if context is None:
            raise DeviceLostError("the GPU failed: TensorRT could not get the memory for a context")
        self._context: tensorrt.IExecutionContext = context
        if not self._context.set_input_shape(INPUT, shape):
            raise EngineError(f"the engine does not take frames of the shape {list(shape)}")
        sides_of: Any = self._context.get_tensor_shape
        self._shapes: dict[str, Shape] = {name: tuple(sides_of(name)) for name in OUTPUTS}
        bytes_of = {n: math.prod(s) * DTYPES[n].itemsize for n, s in self._shapes.items()}
        self._stream = Stream()
        self._buffers: dict[str, Buffer] = {}
        try:
            for name, size in {INPUT: math.prod(shape), **bytes_of}.items():
                self._buffers[name] = Buffer(size)
                self._context.set_tensor_address(name, self._buffers[name].device)
            self._steps()  # once, so that TensorRT has settled what depends on the shape
            self._stream.wait()
            recorded = self._stream.record(self._steps) if graph else None
        except DeviceLostError:
            self.close()
            raise
        self.has_graph = recorded is not None
        self._go = recorded or self._steps

    def _steps(self, step_done: Callable[[], None] = lambda: None) -> None:
        stream = self._stream.handle
        self._buffers[INPUT].copy(True, stream)
        step_done()
        if not self._context.execute_async_v3(int(stream)):
            raise DeviceLostError("the GPU failed: TensorRT could not run the engine")
        step_done()
        for name in OUTPUTS:
            self._buffers[name].copy(False, stream)
        step_done()

    def step_times_ms(self, frames: NDArray[np.uint8]) -> dict[str, float]:
        """Run the engine without the graph; return how long each step took, in milliseconds."""
        from engines.cuda_memory import Event

        self._buffers[INPUT].host[:] = frames.ravel()
        events = [Event() for _ in range(len(STEPS) + 1)]
        unused = iter(events)
        began_s = time.perf_counter()
        next(unused).record(self._stream.handle)
        self._steps(lambda: next(unused).record(self._stream.handle))
        enqueue_ms = 1e3 * (time.perf_counter() - began_s)
        self._stream.wait()
        pairs = zip(STEPS, pairwise(events), strict=True)
        times = {step: first.ms_until(then) for step, (first, then) in pairs}
        for event in events:
            event.close()
        return {**times, "enqueue": enqueue_ms}

    def run(self, frames: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        """Run the engine on frames of the context's shape; return boxes, scores and class ids."""
        self._buffers[INPUT].host[:] = frames.ravel()
        self._go()
        self._stream.wait()
        return tuple(
            self._buffers[name].host.view(DTYPES[name]).reshape(sides).copy()
            for name, sides in self._shapes.items()
        )

    def close(self) -> None:
        """Give back buffers and stream."""
        self._stream.close()
        for buffer in self._buffers.values():
            buffer.free()
