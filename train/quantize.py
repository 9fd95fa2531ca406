"""Export a trained network with 8-bit convolutions, for CPUs: as accurate, and much faster.

Quantized after training (static quantization, with explicit QuantizeLinear and DequantizeLinear
nodes): https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.numpy_helper import from_array, to_array
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from engines.backends import open_backend
from engines.model_file import INPUT, read_model_info
from train.bias_correction import correct_biases
from train.checkpoint import load_checkpoint
from train.export import Description, describe, export_checkpoint, prepare_place
from train.figures import Figures
from train.recipe import recipe_of
from train.settle import measure_at_length
from train.training_data import TrainingData, data_of_state
from train.whole_file import whole_file

CALIBRATION_PICTURES = 256
CORRECTION_PICTURES = 96  # of those
# OpenVINO takes a step of exactly 1 for none, and would run the first convolution, the dearest of
# all, in bfloat16; no grey level is rounded to another one by this
STEP_OF_INPUT = 1.0001
LAST_LAYERS = "/cells."  # in the names of GridNetwork.cells


def export_quantized(checkpoint: Path, path: Path) -> Figures:
    """Write the 8-bit model file of a checkpoint; return its own figures, measured anew.

    Calibrated on pictures that the network was trained on, measured on held-out ones, as the
    threshold is chosen.

    Raises:
        TrainError: the checkpoint cannot be read, was never validated, or its pictures are not
            there any more, or `path` cannot be written.
    """
    prepare_place(path)
    state = load_checkpoint(checkpoint)
    recipe, data = recipe_of(state), data_of_state(state)
    with tempfile.TemporaryDirectory() as folder:
        whole, quantized = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        export_checkpoint(checkpoint, whole)
        pictures = [data.training.make(n).image for n in range(CALIBRATION_PICTURES)]
        quantize(whole, quantized, pictures)
        figures = measured(quantized, data)
        proto = onnx.load(str(quantized))
    threshold, numbers = figures.threshold, figures.numbers()
    size = state["shape"]["size"]
    about = Description(data.labels, threshold, recipe.stage, numbers)
    describe(proto, about, size, "int8", any_size=recipe.head == "dense")
    with whole_file(path) as partial:
        onnx.save(proto, str(partial))
    return figures


def quantize(source: Path, target: Path, pictures: Sequence[NDArray[np.uint8]]) -> None:
    """Write the model file `source` with 8-bit convolutions, calibrated on pictures [H, W, 3] BGR.

    The last convolutions stay as they are: a step of their 8 bits would be a large one for a box.
    So do the sums of the feature pyramid. What a ReLU lets through needs no 8 bits for what it does
    not: they are one with it. Weights have 7 bits, as CPUs without VNNI instructions add two
    products in 16. The 256 steps of an activation end where those of a picture end on average: up
    to the greatest one of all pictures they would be coarser for all others. What all this moves on
    average, the biases make up for.
    """
    whole = onnx.load(str(source))
    convolutions = [node for node in whole.graph.node if node.op_type == "Conv"]
    with errors_only():
        quantize_static(
            str(source),
            str(target),
            Pictures(pictures),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Relu"],
            nodes_to_exclude=[node.name for node in convolutions if LAST_LAYERS in node.name],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            extra_options={"CalibMovingAverage": True},
        )
    proto = onnx.load(str(target))
    set_input_step(proto, STEP_OF_INPUT)
    correct_biases(whole, proto, pictures[:CORRECTION_PICTURES])
    onnx.save(proto, str(target))


def set_input_step(proto: onnx.ModelProto, step: float) -> None:
    """Say how far apart the 256 levels are that the first convolution takes; they begin at 0.

    The steps of its biases are those of its weights times that: unless they are, ONNX Runtime
    computes it in float32.
    """
    graph = proto.graph
    makers = {node.output[0]: node for node in graph.node}
    values = {one.name: one for one in graph.initializer}
    first = next(node for node in graph.node if node.op_type == "Conv")
    # what comes before its DequantizeLinear, and what its weights and biases are dequantized by
    scale = values[makers[makers[first.input[0]].input[0]].input[1]]
    weight_step = values[makers[first.input[1]].input[1]]
    bias, bias_step = (values[name] for name in makers[first.input[2]].input[:2])
    biases = to_array(bias) * to_array(bias_step)
    steps = np.float32(step) * to_array(weight_step)
    for old, new in (
        (scale, np.array(step, np.float32)),
        (bias_step, steps),
        (bias, np.round(biases / steps).astype(np.int32)),
    ):
        old.CopyFrom(from_array(new, old.name))


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """Pictures as ONNX Runtime asks for them."""

    def __init__(self, pictures: Iterable[NDArray[np.uint8]]) -> None:
        self._pictures = iter(pictures)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next input, or None at the end."""
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT: picture[None]}


def measured(model: Path, data: TrainingData) -> Figures:
    """Measure a model file on held-out pictures and choose its threshold."""
    engine, _ = open_backend(read_model_info(model), "onnxruntime")
    try:
        return measure_at_length(engine.infer, data)
    finally:
        engine.close()


@contextmanager
def errors_only() -> Iterator[None]:
    """Keep quiet the advice that ONNX Runtime's quantizer logs."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
