"""A model file made by hand that answers the same boxes to every picture that is not black."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = 64
Answer = tuple[tuple[float, float, float, float], float, int]  # box, score, class id


def write_answering_model(
    path: Path,
    answers: Sequence[Answer],
    labels: Sequence[str],
    *,
    threshold: float = 0.5,
    stage: str = "many-objects",
    products: int = 0,
) -> Path:
    """Write the model; a picture's answers have their scores times its brightest value / 255.

    products: how many matrix products of 1024×1024 make it slow.
    """
    make, info = helper.make_node, helper.make_tensor_value_info
    nodes = [
        make("Cast", ["frames"], ["bright"], to=TensorProto.FLOAT),
        make("ReduceMax", ["bright"], ["brightest"], axes=[1, 2, 3], keepdims=0),
        make("Div", ["brightest", "white"], ["light"]),
        make("Unsqueeze", ["light", "axis1"], ["column"]),
        *busy_nodes(products),
        make("Add", ["column", "nothing"], ["later"]),
        make("Mul", ["later", "all_scores"], ["scores"]),
        make("Shape", ["frames"], ["batch"], start=0, end=1),
        make("Concat", ["batch", "one", "one"], ["times3"], axis=0),
        make("Concat", ["batch", "one"], ["times2"], axis=0),
        make("Tile", ["all_boxes", "times3"], ["boxes"]),
        make("Tile", ["all_ids", "times2"], ["class_ids"]),
    ]
    heavy = np.random.default_rng(0).normal(0, 1 / 32, (1024, 1024)) if products else np.zeros(1)
    boxes = np.array([box for box, _, _ in answers], np.float32).reshape(1, -1, 4)
    constants = {
        "white": np.array(255, np.float32),
        "axis1": np.array([1]),
        "one": np.array([1]),
        "zero": np.array(0, np.float32),
        "heavy": heavy.astype(np.float32),
        "all_boxes": boxes,
        "all_scores": np.array([[score for _, score, _ in answers]], np.float32),
        "all_ids": np.array([[class_id for _, _, class_id in answers]], np.int64),
    }
    rows = len(answers)
    graph = helper.make_graph(
        nodes,
        "by hand",
        [info("frames", TensorProto.UINT8, ["batch", "height", "width", 3])],
        [
            info("boxes", TensorProto.FLOAT, ["batch", rows, 4]),
            info("scores", TensorProto.FLOAT, ["batch", rows]),
            info("class_ids", TensorProto.INT64, ["batch", rows]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    metadata = {
        "rtloc_format": "2",
        "labels": json.dumps(list(labels)),
        "input_size": str(SIZE),
        "threshold": str(threshold),
        "stage": stage,
        "figures": "{}",
        "precision": "fp32",
    }
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made, full_check=True)
    onnx.save(made, str(path))
    return path


def busy_nodes(products: int) -> list[onnx.NodeProto]:
    """Return nodes that compute a 0 named "nothing" from the picture, by so many products."""
    make = helper.make_node
    return [
        make("ReduceMean", ["light"], ["mean"], keepdims=0),
        make("Mul", ["mean", "heavy"], ["product0"]),
        *(make("MatMul", [f"product{n}", "heavy"], [f"product{n + 1}"]) for n in range(products)),
        make("ReduceMean", [f"product{products}"], ["result"], keepdims=0),
        make("Mul", ["result", "zero"], ["nothing"]),
    ]
