"""Run a model with OpenVINO on the CPU (https://docs.openvino.ai)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import BackendUnavailableError, RawOutputs
from engines.errors import EngineError
from engines.model_file import INPUT, OUTPUTS, ModelInfo, check_contract


class OpenVinoBackend:
    """A model compiled by OpenVINO: once for single frames and, when needed, once for batches.

    A fixed batch of one lets OpenVINO plan all memory ahead; a dynamic one costs it time per frame.
    """

    name = "openvino"

    def __init__(self, info: ModelInfo, threads: int | None = None) -> None:
        """Load and compile the model for single frames.

        Raises:
            BackendUnavailableError: OpenVINO is not installed.
            EngineError: OpenVINO cannot load this model.
        """
        try:
            import openvino
        except ImportError as error:
            raise BackendUnavailableError(
                "openvino is not installed (pip install openvino)"
            ) from error
        self._core = openvino.Core()
        self._size = info.input_size
        self._config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        try:
            self._model = self._core.read_model(str(info.path))
            self._check(info)
            self._single = self._compile(1)
        except (RuntimeError, ValueError) as error:  # ValueError: its complaint is not UTF-8
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"openvino cannot load {info.path}: {reason}") from error
        self._batches: Any = None

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

    def _compile(self, batch: int) -> Any:
        """Compile for a batch of fixed size, or any size where `batch` is -1."""
        self._model.reshape({INPUT: [batch, self._size, self._size, 3]})
        return self._core.compile_model(self._model, "CPU", self._config).create_infer_request()

    def infer(self, frames: NDArray[np.uint8]) -> RawOutputs:
        """Run the model on frames uint8 [B, S, S, 3], BGR, letterboxed."""
        if len(frames) == 1:
            request = self._single
        else:
            if self._batches is None:
                self._batches = self._compile(-1)
            request = self._batches
        answers = request.infer([np.ascontiguousarray(frames)], share_inputs=True)
        boxes, scores, class_ids = (answers[name] for name in OUTPUTS)
        return RawOutputs(boxes, scores, class_ids.astype(np.int64, copy=False))

    def close(self) -> None:
        """Drop the compiled models."""
        self._single = self._batches = self._model = None
