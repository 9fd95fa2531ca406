"""The 8-bit model file: the same contract, nearly the same answers, whole numbers inside."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from on_cpu import ON_CPU

from engines.backends import open_backend
from engines.model_file import read_model_info, shipped_models
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.matching import iou_matrix
from train.quantize import quantize
from train.samples import Sample

WHOLE = shipped_models()["pokemon-fp32"]
INFO = read_model_info(WHOLE)


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, INFO.input_size, seed=0)
    return [data.held_out.make(n, (16, 9)) for n in range(48)]


@pytest.fixture(scope="module")
def quantized(samples: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quantized") / "int8.onnx"
    quantize(WHOLE, path, [sample.image for sample in samples[:16]])
    return path


def test_all_convolutions_but_the_last_of_each_grid_are_of_whole_numbers(quantized: Path) -> None:
    graph = onnx.load(str(quantized)).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    last = [node for node in graph.node if node.op_type == "Conv" and "/cells." in node.name]
    others = [node for node in graph.node if node.op_type == "Conv" and node not in last]
    assert (len(last), len(others)) == (3, 19)
    assert all({makers[name] for name in n.input[:2]} == {"DequantizeLinear"} for n in others)
    assert {makers.get(n.input[1]) for n in last} == {None}  # their weights are as they were
    bits = {np.abs(np.array(onnx.numpy_helper.to_array(w))).max() for w in weights(graph)}
    assert max(bits) <= 64


def test_the_input_keeps_every_grey_level_and_its_step_is_not_1(quantized: Path) -> None:
    graph = onnx.load(str(quantized)).graph
    values = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    source = {node.output[0]: node for node in graph.node}
    first = next(node for node in graph.node if node.op_type == "Conv")
    quantized_by = source[source[first.input[0]].input[0]]
    assert source[quantized_by.input[0]].op_type == "Transpose"
    step, zero = (values[name] for name in quantized_by.input[1:])
    assert step != 1
    assert zero == 0
    levels = np.arange(256)
    assert (np.round(levels / step) == levels).all()


@pytest.mark.parametrize("which", ["made", "shipped"])
def test_onnx_runtime_computes_it_in_whole_numbers(
    quantized: Path, tmp_path: Path, which: str
) -> None:
    path = quantized if which == "made" else shipped_models()["pokemon"]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    options.log_severity_level = 3  # a graph that is written down is for one kind of CPU
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kinds = Counter(node.op_type for node in onnx.load(str(tmp_path / "run.onnx")).graph.node)
    assert (kinds["QLinearConv"], kinds["Conv"]) == (19, 3)  # the last of each grid


def weights(graph: onnx.GraphProto) -> list[onnx.TensorProto]:
    return [one for one in graph.initializer if one.data_type == onnx.TensorProto.INT8 and one.dims]


def test_the_file_is_a_quarter_as_large(quantized: Path) -> None:
    assert quantized.stat().st_size < 0.3 * WHOLE.stat().st_size


@pytest.mark.parametrize("backend", ON_CPU)
def test_the_answers_are_nearly_those_of_the_whole_one(
    quantized: Path, samples: list[Sample], backend: str
) -> None:
    frames = np.stack([sample.image for sample in samples[16:]])
    whole, _ = open_backend(INFO, backend)
    small, _ = open_backend(read_model_info(quantized), backend)
    a, b = whole.infer(frames), small.infer(frames)
    overlaps, scores = [], []
    for n in range(len(frames)):
        sure = a.scores[n] > 0.7
        ious = iou_matrix(a.boxes[n][sure], b.boxes[n][b.scores[n] > 0.3])
        overlaps += ious.max(axis=1, initial=0).tolist()
        nearest = b.scores[n][b.scores[n] > 0.3][ious.argmax(axis=1)] if ious.size else []
        scores += np.abs(a.scores[n][sure] - nearest).tolist() if ious.size else []
    assert len(overlaps) > 30
    assert np.median(overlaps) > 0.94
    assert np.mean(np.array(overlaps) > 0.7) > 0.95
    assert np.median(scores) < 0.02
