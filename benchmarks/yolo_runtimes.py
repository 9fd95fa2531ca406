"""Run YOLO26n's ONNX file with the runtimes of rtloc's backends, set as rtloc sets them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Yolo:
    """YOLO made ready to run.

    infer: takes float32 [1, 3, H, W], RGB, 0..1; input_wh: W and H; precision: of the computing.
    """

    infer: Callable[[NDArray[np.float32]], Any]
    input_wh: tuple[int, int]
    precision: str


def open_with_openvino(path: Path, threads: int | None) -> Yolo:
    """Open YOLO with OpenVINO; threads: for one inference, None: as the runtime chooses."""
    import openvino

    config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if threads is not None:
        config["INFERENCE_NUM_THREADS"] = threads
    compiled = openvino.Core().compile_model(str(path), "CPU", config)
    request = compiled.create_infer_request()
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()

    def infer(blob: NDArray[np.float32]) -> Any:
        return request.infer([blob], share_inputs=True)[0]

    _, _, height, width = compiled.input(0).shape
    return Yolo(infer, (width, height), precision)


def open_with_onnxruntime(path: Path, threads: int | None) -> Yolo:
    """Open YOLO with ONNX Runtime; threads: for one inference, None: as the runtime chooses."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def infer(blob: NDArray[np.float32]) -> Any:
        return session.run(None, {"images": blob})[0]

    _, _, height, width = session.get_inputs()[0].shape
    return Yolo(infer, (width, height), "f32")


YOLO_RUNTIMES = {"openvino": open_with_openvino, "onnxruntime": open_with_onnxruntime}
