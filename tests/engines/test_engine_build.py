"""Compiling engines for real, with TensorRT for RTX, which needs no GPU for it."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import odd_models
import onnx
import pytest
from onnx import TensorProto, helper

from engines.engine_build import (
    BuildOptions,
    Talk,
    build,
    build_engine,
    input_shapes,
    listener,
    parsed,
)
from engines.errors import BackendUnavailableError, EngineError
from engines.gpu import Gpu
from engines.model_file import read_model_info, shipped_models
from engines.tensorrt_module import MODULES, check_gpu, is_built_apart, load_tensorrt

RTX = "tensorrt-rtx"
INFO = read_model_info(shipped_models()["pokemon-fp16"])
IN_8_BITS = read_model_info(shipped_models()["pokemon"])
# where features are: convolutions, ReLUs, the pyramid's sums and what repeats them; constants,
# casts from bytes and to float32, and the transposition of the frames
IN_HALF = {
    *("CONVOLUTION", "ACTIVATION", "ELEMENTWISE", "RESIZE"),
    *("CONSTANT", "CAST", "SHUFFLE", "IDENTITY"),
}


@pytest.fixture(scope="module")
def trt() -> Any:
    try:
        return load_tensorrt(RTX)
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def quiet(flavour: str = RTX) -> Talk:
    return Talk(flavour, lambda phase, done, steps: None)


def layers_of(trt: Any, path: Path) -> tuple[list[Any], list[Any]]:
    """The layers of a model as TensorRT sees them, and all that must live as long."""
    talk = quiet()
    logger = listener(trt, talk)
    builder = trt.Builder(logger)
    network = parsed(trt, builder, logger, read_model_info(path), talk)
    return [network.get_layer(n) for n in range(network.num_layers)], [logger, builder, network]


def name_of(value: Any) -> str:
    return str(value).rpartition(".")[2]


def test_the_shipped_model_becomes_an_engine(trt: Any) -> None:
    seen: list[tuple[str, int, int]] = []
    built = build_engine(INFO, RTX, BuildOptions(), lambda *now: seen.append(now))
    assert len(built.plan) > 1_000_000
    assert built.tensorrt_version == trt.__version__
    phases = {phase for phase, _, _ in seen}
    assert phases
    for phase in phases:
        steps = [(done, of) for name, done, of in seen if name == phase]
        assert steps[-1][0] == steps[-1][1] > 0
        assert steps == sorted(steps)


def test_every_convolution_of_the_shipped_model_is_in_half_precision(trt: Any) -> None:
    layers, _alive = layers_of(trt, INFO.path)
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    in_file = Counter(node.op_type for node in onnx.load(str(INFO.path)).graph.node)
    assert len(convolutions) == in_file["Conv"] > 10
    for layer in convolutions:
        assert layer.get_input(0).dtype == layer.get_output(0).dtype == trt.DataType.HALF
    in_half = [layer for layer in layers if layer.get_output(0).dtype == trt.DataType.HALF]
    assert {name_of(layer.type) for layer in in_half} <= IN_HALF
    for kind in ("TOPK", "SOFTMAX", "GRID_SAMPLE"):
        found = [layer for layer in layers if name_of(layer.type) == kind]
        assert found, kind
        assert {layer.get_output(0).dtype for layer in found} == {trt.DataType.FLOAT}
    assert not [layer for layer in layers if "PLUGIN" in name_of(layer.type)]


def test_inputs_and_outputs_are_the_contracts(trt: Any) -> None:
    _, (_, _, network) = layers_of(trt, INFO.path)
    frames = network.get_input(0)
    assert (network.num_inputs, network.num_outputs) == (1, 3)
    assert (frames.name, frames.dtype) == ("frames", trt.DataType.UINT8)
    assert tuple(frames.shape) == (-1, -1, -1, 3)
    outputs = [network.get_output(n) for n in range(3)]
    assert [(o.name, name_of(o.dtype), tuple(o.shape)) for o in outputs] == [
        ("boxes", "FLOAT", (-1, 50, 4)),
        ("scores", "FLOAT", (-1, 50)),
        ("class_ids", "INT64", (-1, 50)),
    ]


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(batch=8),
        BuildOptions(hardware_compatible=True),
        BuildOptions(optimization_level=0, workspace_mib=256),
        BuildOptions(turing=True),
    ],
)
def test_options_are_taken(trt: Any, options: BuildOptions) -> None:
    assert len(build_engine(INFO, RTX, options).plan) > 1_000_000


@pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops:DeprecationWarning")
def test_a_timing_cache_can_be_used_again(trt: Any) -> None:
    first = build_engine(INFO, RTX, BuildOptions(), timing_cache=b"")
    assert first.timing_cache
    again = build_engine(INFO, RTX, BuildOptions(), timing_cache=first.timing_cache)
    assert len(again.plan) == len(first.plan)


def test_the_shapes_are_those_that_the_localizer_gives() -> None:
    least, usual, greatest = input_shapes(INFO, 4)
    assert (least, usual, greatest) == ((1, 64, 64, 3), (4, 288, 512, 3), (4, 512, 512, 3))


def test_what_tensorrt_refuses_is_told_with_its_node(trt: Any) -> None:
    with pytest.raises(EngineError) as caught:
        build_engine(IN_8_BITS, RTX, BuildOptions())
    said = str(caught.value)
    assert said.startswith(f"tensorrt-rtx cannot parse {IN_8_BITS.path}: node ")
    assert "(DequantizeLinear)" in said
    assert "\n" not in said


def test_an_operator_that_tensorrt_does_not_know_is_told(trt: Any, tmp_path: Path) -> None:
    model = odd_models.model()
    nodes = model.graph.node
    nodes.append(helper.make_node("Det", ["scores_in"], ["unused"], name="the determinant"))
    value = helper.make_tensor("scores_in", TensorProto.FLOAT, [2, 2], [1.0, 0.0, 0.0, 1.0])
    model.graph.initializer.append(value)
    onnx.save(model, str(tmp_path / "det.onnx"))
    with pytest.raises(EngineError, match=r"node the determinant \(Det\)"):
        build_engine(read_model_info(tmp_path / "det.onnx"), RTX, BuildOptions())


def test_another_graph_than_the_contracts_is_refused(trt: Any, tmp_path: Path) -> None:
    onnx.save(odd_models.model(outputs=("a", "b", "c")), str(tmp_path / "odd.onnx"))
    with pytest.raises(EngineError, match="has other inputs or outputs"):
        build_engine(read_model_info(tmp_path / "odd.onnx"), RTX, BuildOptions())


def test_a_build_that_shall_stop_stops(trt: Any) -> None:
    talk = quiet()
    talk.stop.set()
    with pytest.raises(EngineError, match="cannot build"):
        build(trt, INFO, BuildOptions(), None, talk)


def test_ctrl_c_ends_a_build(trt: Any) -> None:
    def interrupt(phase: str, done: int, steps: int) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build_engine(INFO, RTX, BuildOptions(), interrupt)


@pytest.mark.parametrize("capability", ["7.5", "8.0", "8.6", "8.9", "12.0", "12.1", "13.0"])
def test_the_gpus_that_tensorrt_for_rtx_takes_are_let_pass(trt: Any, capability: str) -> None:
    check_gpu(trt, RTX, Gpu("a card", capability, 1, "13.0"))


@pytest.mark.parametrize("capability", ["7.0", "9.0", "10.0"])
def test_a_gpu_that_tensorrt_for_rtx_does_not_take_is_told(trt: Any, capability: str) -> None:
    gpu = Gpu("NVIDIA H200", capability, 1, "13.0")
    with pytest.raises(BackendUnavailableError, match=f"the NVIDIA H200, .* is {capability}; it "):
        check_gpu(trt, RTX, gpu)
    check_gpu(trt, "tensorrt", gpu)


@pytest.mark.parametrize("flavour", list(MODULES))
def test_a_flavour_that_is_not_installed_names_its_extra(flavour: str) -> None:
    try:
        load_tensorrt(flavour)
    except BackendUnavailableError as error:
        assert str(error) == f'{flavour} is not installed (pip install "rtloc[{flavour}]")'
    else:
        assert load_tensorrt(flavour).Builder


@pytest.mark.parametrize(
    ("flavour", "capability", "apart"),
    [(RTX, "7.5", True), (RTX, "8.6", False), ("tensorrt", "7.5", False), (RTX, "", False)],
)
def test_turing_needs_engines_of_its_own(flavour: str, capability: str, apart: bool) -> None:
    assert is_built_apart(flavour, Gpu("a card", capability, 1, "13.0")) is apart
