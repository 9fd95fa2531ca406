"""Export: the ONNX file keeps the contract and answers as the network does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from numpy.typing import NDArray
from on_cpu import ON_CPU

from engines.backends import open_backend
from engines.model_file import OUTPUTS, read_model_info
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.errors import TrainError
from train.export import Description, export_checkpoint, export_onnx, halved, prepare_place
from train.figures import Figures
from train.generator import picture_maker
from train.inference import Localization
from train.network import GridNetwork, NetworkShape
from train.recipe import Recipe
from train.single import SingleNetwork
from train.stages import STAGES
from train.trainer import Trainer

LABELS = ("cat", "Pokémon, the “first”", "x\ty")
ABOUT = Description(LABELS, 0.123456, "multi-class", {"map50": 0.98765432, "recall": 1.0})
SIZES = pytest.mark.parametrize("size", [64, 160])


def network(size: int) -> GridNetwork:
    """A network with random weights that are strong enough to find something."""
    torch.manual_seed(size)
    made = GridNetwork(NetworkShape(3, size, (8, 8, 16, 16), (0, 1, 1))).eval()
    with torch.no_grad():
        made.stem[0].weight.div_(255)  # what batch norm would have learnt to do
        for cells in made.cells:
            cells.weight.mul_(100)
            cells.bias.zero_()
            cells.weight[2:4] = 0
            cells.bias[2:4] = -4.0  # boxes so small that none lies just on another
    return made


def frames(size: int, batch: int) -> NDArray[np.uint8]:
    maker = picture_maker(STAGES["any-size"], load_cutouts(CUTOUTS)[1], [], size, seed=0)
    pictures = np.stack([maker.make(n).image for n in range(batch)])
    # on plain black all cells would answer alike, and any of them could be first
    noise = np.random.default_rng(0).integers(0, 60, pictures.shape).astype(np.uint8)
    return np.maximum(pictures, noise)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    paths = {}
    for size in (64, 160):
        paths[size] = tmp_path_factory.mktemp("exported") / f"{size}.onnx"
        export_onnx(network(size), ABOUT, paths[size])
    return paths


@SIZES
def test_the_file_passes_the_checker_and_is_all_there_is(
    exported: dict[int, Path], size: int
) -> None:
    onnx.checker.check_model(str(exported[size]), full_check=True)
    assert [p.name for p in exported[size].parent.iterdir()] == [f"{size}.onnx"]


@SIZES
def test_inputs_and_outputs_are_the_contracts(exported: dict[int, Path], size: int) -> None:
    graph = onnx.load(str(exported[size])).graph
    kind = onnx.TensorProto
    described = {
        value.name: (
            value.type.tensor_type.elem_type,
            [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim],
        )
        for value in (*graph.input, *graph.output)
    }
    assert described["frames"] == (kind.UINT8, ["batch", "height", "width", 3])
    for name, number, sides in (
        ("boxes", kind.FLOAT, 3),
        ("scores", kind.FLOAT, 2),
        ("class_ids", kind.INT64, 2),
    ):
        assert described[name][0] == number
        assert described[name][1][0] == "batch"
        assert len(described[name][1]) == sides


@SIZES
def test_the_frames_are_cast_before_they_are_transposed(
    exported: dict[int, Path], size: int
) -> None:
    # TensorRT refuses to transpose uint8
    nodes = onnx.load(str(exported[size])).graph.node
    (first,) = (node for node in nodes if "frames" in node.input)
    (second,) = (node for node in nodes if first.output[0] in node.input)
    assert (first.op_type, second.op_type) == ("Cast", "Transpose")


@SIZES
@pytest.mark.parametrize("batch", [1, 5])
def test_torch_onnxruntime_and_openvino_answer_alike(
    exported: dict[int, Path], size: int, batch: int
) -> None:
    pictures = frames(size, batch)
    with torch.no_grad():
        expected = [x.numpy() for x in Localization(network(size)).eval()(torch.tensor(pictures))]
    backend, _ = open_backend(read_model_info(exported[size]), "onnxruntime")
    raw = backend.infer(pictures)
    in_float32 = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(exported[size]), "CPU", in_float32)
    by_openvino = [compiled([pictures])[name] for name in OUTPUTS]
    spoken = expected[1] > 0.01
    assert spoken.any()
    for boxes, scores, class_ids in ((raw.boxes, raw.scores, raw.class_ids), by_openvino):
        assert np.allclose(scores, expected[1], atol=1e-4)
        for n in range(batch):  # rows whose scores are all but equal may change places
            for row in np.flatnonzero(spoken[n])[:20]:
                apart = np.abs(boxes[n] - expected[0][n, row]).max(axis=1)
                same = int(apart.argmin())
                assert apart[same] < 1e-2
                assert class_ids[n, same] == expected[2][n, row]
                assert scores[n, same] == pytest.approx(expected[1][n, row], abs=1e-4)


@pytest.fixture(scope="module")
def in_half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("half") / "64.onnx"
    export_onnx(network(64), ABOUT, path, "fp16")
    return path


def test_in_half_precision_all_convolutions_are_float16_and_no_box_is(in_half: Path) -> None:
    assert read_model_info(in_half).precision == "fp16"
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(in_half))).graph
    kind = onnx.TensorProto
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.output)}
    types |= {one.name: one.data_type for one in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) > 8
    for node in convolutions:
        assert {types[name] for name in (*node.input[1:], *node.output)} == {kind.FLOAT16}
    assert not [node.op_type for node in graph.node if node.op_type == "BatchNormalization"]
    for op in ("Sigmoid", "Softmax", "TopK", "GridSample", "MaxPool"):
        used = [node for node in graph.node if node.op_type == op]
        assert used, op
        assert {types[node.output[0]] for node in used} == {kind.FLOAT}, op
    assert (types["boxes"], types["scores"]) == (kind.FLOAT, kind.FLOAT)
    frames_in = next(value for value in graph.input if value.name == "frames")
    assert frames_in.type.tensor_type.elem_type == kind.UINT8


@pytest.mark.parametrize("name", ON_CPU)
def test_half_precision_answers_nearly_alike(
    exported: dict[int, Path], in_half: Path, name: str
) -> None:
    pictures = frames(64, 3)
    raws = []
    for path, backend in ((exported[64], "openvino-f32"), (in_half, name)):
        engine, _ = open_backend(read_model_info(path), backend)
        raws.append(engine.infer(pictures))
        engine.close()
    whole, half = raws
    for n in range(3):
        assert np.sort(whole.scores[n])[-5:] == pytest.approx(
            np.sort(half.scores[n])[-5:], abs=0.05
        )
        for row in np.flatnonzero(whole.scores[n] > 0.2)[:10]:
            apart = np.abs(half.boxes[n] - whole.boxes[n, row]).max(axis=1)
            assert apart.min() < 0.5


def test_a_network_in_half_precision_keeps_what_must_be_exact() -> None:
    made = halved(network(64))
    assert made.stem[0].weight.dtype == torch.float16
    assert made.refinement.weights.dtype == made.refinement.points.dtype == torch.float32
    assert torch.equal(made.refinement.points, network(64).refinement.points)
    single = halved(SingleNetwork(NetworkShape(3, 64, (8, 8, 16, 16), (0, 1, 1))).eval())
    assert single.stem[0].weight.dtype == torch.float16
    assert single.refinement.weights.dtype == torch.float32


@SIZES
def test_the_metadata_comes_back_as_it_was_given(exported: dict[int, Path], size: int) -> None:
    info = read_model_info(exported[size])
    assert info.labels == LABELS
    assert info.input_size == size
    assert info.threshold == 0.1235
    assert info.stage == "multi-class"
    assert info.figures == {"map50": 0.9877, "recall": 1.0}
    assert info.precision == "fp32"
    props = {p.key: p.value for p in onnx.load(str(exported[size])).metadata_props}
    assert tuple(json.loads(props["labels"])) == LABELS


def test_exporting_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    made = network(64).train()
    before = {k: v.clone() for k, v in made.state_dict().items()}
    export_onnx(made, ABOUT, tmp_path / "m.onnx")
    assert made.training
    assert all(value.equal(before[name]) for name, value in made.state_dict().items())


def checkpoint(folder: Path, figures: Figures | None) -> Path:
    """Write the checkpoint of a run that was stopped after a step."""
    maker = picture_maker(STAGES["white-box"], [], [], 64, seed=0)
    recipe = Recipe(stage="white-box", steps=2, batch_size=2)
    trainer = Trainer(recipe, NetworkShape(1, 64, (4, 4, 4, 4), (0, 0, 0)), ["white box"])
    trainer.figures = figures
    with pytest.raises(KeyboardInterrupt):
        trainer.train(maker, [], folder, interrupt, workers=0)
    return folder / "last.pt"


def interrupt(progress: object) -> None:
    raise KeyboardInterrupt


FIGURES = Figures(0.75, 0.5, {"white box": 0.75}, 0.4, 0.8, 0.9)


def test_a_checkpoints_figures_go_into_the_file(tmp_path: Path) -> None:
    out = tmp_path / "new/folder/m.onnx"
    assert export_checkpoint(checkpoint(tmp_path, FIGURES), out) == FIGURES
    info = read_model_info(out)
    assert info.labels == ("white box",)
    assert (info.threshold, info.stage, info.input_size) == (0.4, "white-box", 64)
    assert info.figures == {"map50": 0.75, "map50_95": 0.5, "precision": 0.8, "recall": 0.9}


def test_a_checkpoint_without_figures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="was never validated"):
        export_checkpoint(checkpoint(tmp_path, None), tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no checkpoint at"):
        export_checkpoint(tmp_path / "best.pt", tmp_path / "m.onnx")


def test_a_wrong_place_is_refused_before_the_work(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(TrainError, match="is a folder; name a file"):
        export_checkpoint(checkpoint(tmp_path, FIGURES), tmp_path)
    for place in (Path(), tmp_path):
        with pytest.raises(TrainError, match="is a folder"):
            prepare_place(place)
    for place in (file / "m.onnx", Path("/proc/m.onnx")):
        with pytest.raises(TrainError, match=r"cannot write .*; choose another place"):
            prepare_place(place)
    prepare_place(tmp_path / "new/m.onnx")
    assert list((tmp_path / "new").iterdir()) == []
