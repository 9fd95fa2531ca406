"""Move the biases of 8-bit convolutions so that what they answer is right on average.

Weights of 8 bits and activations that are cut off where their steps end leave each channel a little
too high or too low, and the next convolution adds that up (Nagel et al., 2019:
https://arxiv.org/abs/1906.04721, section 4.2; here measured on pictures).
"""

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from engines.model_file import INPUT

Image = NDArray[np.uint8]


def correct_biases(
    whole: onnx.ModelProto, quantized: onnx.ModelProto, pictures: Sequence[Image]
) -> None:
    """Change the biases in `quantized`, whose convolutions are named as those of `whole`.

    One after another, from the first: each makes up for what those before it still miss. Pictures:
    uint8 [H, W, 3] BGR each.
    """
    biases = biases_of(quantized)
    output = {node.name: node.output[0] for node in whole.graph.node}  # a ReLU's is another
    means = channel_means(whole, [output[node.name] for node, _, _ in biases], pictures)
    for node, bias, step in biases:
        (have,) = channel_means(quantized, [node.output[0]], pictures).values()
        move(bias, (means[output[node.name]] - have) / step)


def biases_of(
    quantized: onnx.ModelProto,
) -> list[tuple[onnx.NodeProto, onnx.TensorProto, NDArray[np.float32]]]:
    """Return the convolutions of 8 bits, each with its biases, int32 [C], and their steps, [C]."""
    makers = {name: node for node in quantized.graph.node for name in node.output}
    values = {one.name: one for one in quantized.graph.initializer}
    found = []
    for node in quantized.graph.node:
        if node.op_type == "Conv" and node.input[1] in makers:  # its weights are dequantized
            bias, step = (values[name] for name in makers[node.input[2]].input[:2])
            found.append((node, bias, numpy_helper.to_array(step)))
    return found


def move(bias: onnx.TensorProto, steps: NDArray[np.float64]) -> None:
    """Add so many steps, rounded, to each bias of a convolution."""
    moved = numpy_helper.to_array(bias) + np.round(steps).astype(np.int32)
    bias.CopyFrom(numpy_helper.from_array(moved, bias.name))


def channel_means(
    proto: onnx.ModelProto, names: Sequence[str], pictures: Sequence[Image]
) -> dict[str, NDArray[np.float64]]:
    """Return the mean of each channel of named values, [1, C, h, w] each, over all pictures."""
    asked = onnx.ModelProto()
    asked.CopyFrom(proto)
    del asked.graph.output[:]  # nothing is computed that these do not need
    asked.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(
        asked.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    sums = dict.fromkeys(names, 0.0)
    cells = dict.fromkeys(names, 0)
    for picture in pictures:
        for name, value in zip(names, session.run(names, {INPUT: picture[None]}), strict=True):
            sums[name] = sums[name] + value.sum((0, 2, 3), dtype=np.float64)
            cells[name] += value.shape[2] * value.shape[3]
    return {name: np.asarray(sums[name] / cells[name]) for name in names}
