"""Small ONNX files made by hand: one that keeps rtloc's contract, and odd ones beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 64
ROWS = 50
METADATA = {
    "rtloc_format": "2",
    "labels": '["cat", "Pok\u00e9mon"]',
    "input_size": str(SIZE),
    "threshold": "0.5",
    "stage": "many-objects",
    "figures": '{"map50": 0.75}',
    "precision": "fp32",
}


def model(
    metadata: Mapping[str, str] = METADATA,
    *,
    frames: str = "frames",
    kind: int = TensorProto.UINT8,
    shape: tuple[str | int, ...] = ("batch", "height", "width", 3),
    outputs: tuple[str, ...] = ("boxes", "scores", "class_ids"),
    extra_inputs: tuple[str, ...] = (),
    used_constant: str = "rows",
) -> onnx.ModelProto:
    """Make a model that answers zeros; what is not asked to differ is as the contract says."""
    make, ids = helper.make_node, helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    nodes = [
        make("Shape", [frames], ["batch"], start=0, end=1),
        make("Concat", ["batch", "rows", "four"], ["boxes_shape"], axis=0),
        make("Concat", ["batch", used_constant], ["rows_shape"], axis=0),
        make("ConstantOfShape", ["boxes_shape"], [outputs[0]]),
        make("ConstantOfShape", ["rows_shape"], [outputs[1]]),
        make("ConstantOfShape", ["rows_shape"], [outputs[2]], value=ids),
    ]
    info = helper.make_tensor_value_info
    shapes = {0: ["batch", ROWS, 4], 1: ["batch", ROWS], 2: ["batch", ROWS]}
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.INT64)
    graph = helper.make_graph(
        nodes,
        "by hand",
        [info(frames, kind, shape), *(info(x, TensorProto.FLOAT, [1]) for x in extra_inputs)],
        [info(name, kinds[n], shapes[n]) for n, name in enumerate(outputs)],
        [
            numpy_helper.from_array(np.array([ROWS]), "rows"),
            numpy_helper.from_array(np.array([4]), "four"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(made, dict(metadata))
    return made


def with_graph_bytes(graph: bytes) -> bytes:
    """Make an ONNX file with good metadata whose graph is the given bytes."""
    metadata = onnx.ModelProto()
    helper.set_model_props(metadata, METADATA)
    length = bytes([len(graph) & 0x7F | 0x80, len(graph) >> 7])
    return b"\x08\x08" + b"\x3a" + length + graph + metadata.SerializeToString()
