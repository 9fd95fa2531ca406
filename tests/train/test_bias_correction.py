"""Biases of 8-bit convolutions: moved until each channel is right on average."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from engines.model_file import read_model_info, shipped_models
from train.bias_correction import biases_of, channel_means, correct_biases, move
from train.data_set import CUTOUTS, PHOTOS, load_data_set

SHIPPED = shipped_models()


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    size = read_model_info(SHIPPED["pokemon"]).input_size
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, size, seed=0)
    return [data.training.make(n, (16, 9)).image for n in range(6)]


def test_spoilt_biases_are_mended(pictures: list[NDArray[np.uint8]]) -> None:
    whole = onnx.load(str(SHIPPED["pokemon-fp32"]))
    quantized = onnx.load(str(SHIPPED["pokemon"]))
    convolutions = [
        n.name for n in whole.graph.node if n.op_type == "Conv" and "cells" not in n.name
    ]
    names = [output_of(whole, name) for name in convolutions]
    theirs = [output_of(quantized, name) for name in convolutions]

    def misses() -> NDArray[np.float64]:
        wanted, had = (
            channel_means(whole, names, pictures),
            channel_means(quantized, theirs, pictures),
        )
        return np.array(
            [np.abs(wanted[a] - had[b]).mean() for a, b in zip(names, theirs, strict=True)]
        )

    spoil_biases(quantized, np.random.default_rng(0))
    before = misses()
    correct_biases(whole, quantized, pictures)
    after = misses()
    assert before.min() > 0.02
    assert after.max() < 0.004


def output_of(proto: onnx.ModelProto, name: str) -> str:
    """Return the name of what a node makes."""
    return next(str(node.output[0]) for node in proto.graph.node if node.name == name)


def spoil_biases(quantized: onnx.ModelProto, rng: np.random.Generator) -> None:
    """Add anything up to 0.2 to each bias."""
    for _, bias, step in biases_of(quantized):
        move(bias, rng.uniform(-0.2, 0.2, bias.dims[0]) / step)
