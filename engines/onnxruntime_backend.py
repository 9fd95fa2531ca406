"""Run a model with ONNX Runtime on the CPU (https://onnxruntime.ai)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import BackendUnavailableError, RawOutputs
from engines.errors import EngineError
from engines.model_file import INPUT, OUTPUTS, ModelInfo

ERRORS_ONLY = 3


class OnnxRuntimeBackend:
    """An ONNX Runtime session of a model."""

    name = "onnxruntime"

    def __init__(self, info: ModelInfo, threads: int | None = None) -> None:
        """Load the model.

        Raises:
            BackendUnavailableError: ONNX Runtime is not installed.
            EngineError: ONNX Runtime cannot load this model.
        """
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as state
        except ImportError as error:
            raise BackendUnavailableError(
                "onnxruntime is not installed (pip install onnxruntime)"
            ) from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(info.path), options, providers=["CPUExecutionProvider"]
            )
        except (
            state.Fail,
            state.InvalidGraph,
            state.InvalidProtobuf,
            state.NotImplemented,
        ) as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"onnxruntime cannot load {info.path}: {reason}") from error
        inputs = [x.name for x in self._session.get_inputs()]
        outputs = [x.name for x in self._session.get_outputs()]
        if inputs != [INPUT] or outputs != list(OUTPUTS):
            raise EngineError(f"{info.path} has other inputs or outputs than a model of rtloc")

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, H, W, 3], BGR, letterboxed."""
        boxes, scores, class_ids = self._session.run(list(OUTPUTS), {INPUT: frames})
        return RawOutputs(boxes, scores, class_ids.astype(np.int64, copy=False))

    def close(self) -> None:
        """Drop the session."""
        self._session = None
