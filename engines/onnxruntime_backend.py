"""Run a model with ONNX Runtime on the CPU (https://onnxruntime.ai)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import Load, RawOutputs
from engines.cores import usable_cores
from engines.errors import EngineError, not_imported
from engines.model_file import INPUT, OUTPUTS, ModelInfo, check_contract

ERRORS_ONLY = 3


class OnnxRuntimeBackend:
    """An ONNX Runtime session of a model."""

    name = "onnxruntime"

    def __init__(self, info: ModelInfo, load: Load) -> None:
        """Load the model.

        Raises:
            BackendUnavailableError: ONNX Runtime is not installed, or does not load.
            EngineError: ONNX Runtime cannot load this model.
        """
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as state
        except (ImportError, OSError) as error:
            remedy = "pip install onnxruntime"
            raise not_imported(self.name, ["onnxruntime"], remedy, error) from error
        self.info = info
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        if load.threads is not None:
            options.intra_op_num_threads = load.threads
        elif load.streams > 1:
            options.intra_op_num_threads = max(1, usable_cores() // load.streams)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(info.path), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except (
            state.Fail,
            state.InvalidArgument,
            state.InvalidGraph,
            state.InvalidProtobuf,
            state.NoSuchFile,
            state.NotImplemented,
            state.RuntimeException,
            ValueError,  # a name in the graph, or in the runtime's complaint, is not UTF-8
        ) as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"onnxruntime cannot load {info.path}: {reason}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        check_contract(
            info,
            [x.name for x in inputs],
            [x.name for x in outputs],
            bool(inputs) and inputs[0].type == "tensor(uint8)",
            inputs[0].shape if inputs else [],
        )

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, H, W, 3], BGR, letterboxed."""
        boxes, scores, class_ids = self._session.run(list(OUTPUTS), {INPUT: frames})
        return RawOutputs(boxes, scores, class_ids.astype(np.int64, copy=False))

    def close(self) -> None:
        """Drop the session."""
        self._session = None
