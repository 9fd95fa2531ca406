"""Run a model with OpenVINO on the CPU (https://docs.openvino.ai)."""

import queue
import threading
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import Load, RawOutputs
from engines.errors import EngineError, not_imported
from engines.model_file import (
    INPUT,
    OUTPUTS,
    USUAL_ASPECT,
    ModelInfo,
    check_contract,
    input_wh,
)

KEPT_SHAPES = 8  # compiled models for that many input shapes at once
MOST_AT_ONCE = 8  # frames; more are no faster


class OpenVinoBackend:
    """A model compiled by OpenVINO, once for each shape of its input."""

    name = "openvino"
    precision: str | None = None  # of convolutions that are float32 in the file; None: OpenVINO's

    def __init__(self, info: ModelInfo, load: Load) -> None:
        """Load the model and compile it for the usual frame.

        Raises:
            BackendUnavailableError: OpenVINO is not installed, or does not load.
            EngineError: OpenVINO cannot load this model.
        """
        try:
            self._core = core()
        except (ImportError, OSError) as error:
            remedy = "pip install openvino"
            raise not_imported("openvino", ["openvino"], remedy, error) from error
        self.info = info
        self._load = load
        self._compiling = threading.Lock()
        try:
            self._model = self._core.read_model(str(info.path))
            self._check(info)
            self._idle: dict[tuple[int, ...], queue.SimpleQueue[Any]] = {}
            width, height = input_wh(*USUAL_ASPECT, info.input_size)
            # OpenVINO's binding deadlocks where two threads are in their very first inference at
            # once; one done here also makes the first frame as fast as the others
            self.infer(np.zeros((load.batch, height, width, 3), np.uint8))
        except (RuntimeError, ValueError) as error:  # ValueError: its complaint is not UTF-8
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"openvino cannot load {info.path}: {reason}") from error

    def _requests(self, shape: tuple[int, ...]) -> queue.SimpleQueue[Any]:
        """Return the idle requests for inputs of one shape, compiled when it is first needed.

        A fixed shape lets OpenVINO plan all memory ahead; a dynamic one costs it time per frame.
        """
        with self._compiling:
            if shape not in self._idle:
                if len(self._idle) >= KEPT_SHAPES:
                    self._idle.pop(next(iter(self._idle)))
                self._model.reshape({INPUT: list(shape)})
                options = config(self._load, self.precision)
                compiled = self._core.compile_model(self._model, "CPU", options)
                self._idle[shape] = queue.SimpleQueue()
                for _ in range(self._load.streams):
                    self._idle[shape].put(compiled.create_infer_request())
            return self._idle[shape]

    def _check(self, info: ModelInfo) -> None:
        inputs, outputs = self._model.inputs, self._model.outputs
        sides = inputs[0].partial_shape if inputs else []
        check_contract(
            info,
            [x.any_name for x in inputs],
            [x.any_name for x in outputs],
            bool(inputs) and inputs[0].element_type.get_type_name() == "u8",
            [side.get_length() if side.is_static else None for side in sides],
        )

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, H, W, 3], BGR, letterboxed."""
        answers, done = [], 0
        for size in parts_of(len(frames), self._load.batch):
            answers.append(self._infer(frames[done : done + size]))
            done += size
        return RawOutputs(*(joined(arrays) for arrays in zip(*answers, strict=True)))

    def _infer(self, frames: NDArray[np.uint8]) -> tuple[NDArray[Any], ...]:
        idle = self._requests(frames.shape)
        request = idle.get()
        try:
            answers = request.infer([np.ascontiguousarray(frames)], share_inputs=True)
        finally:
            idle.put(request)
        boxes, scores, class_ids = (answers[name] for name in OUTPUTS)
        return boxes, scores, class_ids.astype(np.int64, copy=False)

    def close(self) -> None:
        """Drop the compiled models."""
        self._idle.clear()
        self._model = None


class OpenVinoInFloat32(OpenVinoBackend):
    """The same, in float32 even where the processor computes faster in bfloat16."""

    name = "openvino-f32"
    precision = "f32"


def parts_of(frames: int, usual: int) -> list[int]:
    """Split a number of frames into numbers that a model is compiled for: the usual one, and few.

    Cameras have now one, now three frames ready; a model for each number would be compiled in the
    middle of the run, and given up again for the next.
    """
    parts = []
    while frames:
        part = usual if frames == usual else min(MOST_AT_ONCE, 1 << frames.bit_length() - 1)
        parts.append(part)
        frames -= part
    return parts


def joined(arrays: tuple[NDArray[Any], ...]) -> NDArray[Any]:
    """Put the parts' answers together; a single one is returned as it is."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


@cache
def core() -> Any:
    """Return OpenVINO's core, the only one of this process; it is never given up.

    With the CPU each core lays out a stack for signals and puts back the one before it when it
    goes. Where several go in the order in which they came, the last puts back one that is already
    gone, and the next signal (Ctrl-C, a child's end) ends the process.

    Raises:
        ImportError, OSError: OpenVINO is not installed, or does not load.
    """
    import openvino

    return openvino.Core()


def config(load: Load, precision: str | None) -> dict[str, Any]:
    """Say in OpenVINO's terms how the CPU is to be shared, and how to compute."""
    if load.streams == 1:
        options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    else:
        options = {"NUM_STREAMS": load.streams}
    if precision is not None:
        options["INFERENCE_PRECISION_HINT"] = precision
    if load.threads is not None:
        options["INFERENCE_NUM_THREADS"] = load.threads * load.streams
    return options
