"""Run a model with OpenVINO on the CPU (https://docs.openvino.ai)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import BackendUnavailableError, RawOutputs
from engines.errors import EngineError
from engines.model_file import INPUT, OUTPUTS, ModelInfo, check_contract, input_wh

USUAL_ASPECT = (16, 9)
KEPT_SHAPES = 8  # compiled models for that many input shapes at once


class OpenVinoBackend:
    """A model compiled by OpenVINO, once for each shape of its input."""

    name = "openvino"

    def __init__(self, info: ModelInfo, threads: int | None = None) -> None:
        """Load the model and compile it for the usual frame.

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
        self._config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            self._config["INFERENCE_NUM_THREADS"] = threads
        try:
            self._model = self._core.read_model(str(info.path))
            self._check(info)
            self._requests: dict[tuple[int, ...], Any] = {}
            width, height = input_wh(*USUAL_ASPECT, info.input_size)
            self._request((1, height, width, 3))
        except (RuntimeError, ValueError) as error:  # ValueError: its complaint is not UTF-8
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"openvino cannot load {info.path}: {reason}") from error

    def _request(self, shape: tuple[int, ...]) -> Any:
        """Return a request for inputs of one shape, compiled when it is first needed.

        A fixed shape lets OpenVINO plan all memory ahead; a dynamic one costs it time per frame.
        """
        if shape not in self._requests:
            if len(self._requests) >= KEPT_SHAPES:
                self._requests.pop(next(iter(self._requests)))
            self._model.reshape({INPUT: list(shape)})
            compiled = self._core.compile_model(self._model, "CPU", self._config)
            self._requests[shape] = compiled.create_infer_request()
        return self._requests[shape]

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
        answers = self._request(frames.shape).infer(
            [np.ascontiguousarray(frames)], share_inputs=True
        )
        boxes, scores, class_ids = (answers[name] for name in OUTPUTS)
        return RawOutputs(boxes, scores, class_ids.astype(np.int64, copy=False))

    def close(self) -> None:
        """Drop the compiled models."""
        self._requests.clear()
        self._model = None
