"""Export a trained network as one self-describing ONNX file (the model file's contract).

Half precision is in the file itself, as strongly typed networks of TensorRT want it: weights and
convolutions are float16, all from the grids' logits on is float32.
"""

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import onnx
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engines.model_file import FORMAT_VERSION, INPUT, OUTPUTS
from engines.moved import try_beside
from train.checkpoint import load_checkpoint, rebuilt
from train.errors import TrainError
from train.figures import Figures
from train.heads import Network, with_answers_decoded
from train.network import GridNetwork
from train.recipe import recipe_of
from train.trained import averaged_network
from train.whole_file import whole_file

OPSET = 17
Precision = Literal["fp32", "fp16"]


@dataclass(frozen=True)
class Description:
    """What a model file says of itself. figures: measured values, by name."""

    labels: Sequence[str]
    threshold: float
    stage: str
    figures: Mapping[str, float]


def prepare_place(path: Path) -> None:
    """Make sure that a model file can be written at `path`, making its folder if need be.

    Raises:
        TrainError: it cannot.
    """
    if path.is_dir():
        raise TrainError(f"{path} is a folder; name a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try_beside(path)
    except OSError as error:
        raise TrainError(f"cannot write {path}: {error.strerror}; choose another place") from error


def export_onnx(
    network: Network, description: Description, path: Path, precision: Precision = "fp32"
) -> None:
    """Write the model file of a network, whole or not at all.

    Raises:
        TrainError: it cannot be written.
    """
    size = network.shape.size
    copied = copy.deepcopy(network).eval().cpu()
    model = with_answers_decoded(halved(copied) if precision == "fp16" else copied)
    frames = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    with whole_file(path) as partial, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter announces its successor
        torch.onnx.export(
            model,
            (frames,),
            str(partial),
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={
                INPUT: {0: "batch", 1: "height", 2: "width"},
                **{name: {0: "batch"} for name in OUTPUTS},
            },
        )
        proto = onnx.load(str(partial))
        describe(proto, description, size, precision, any_size=isinstance(network, GridNetwork))
        onnx.save(proto, str(partial))


def describe(
    proto: onnx.ModelProto, about: Description, size: int, precision: str, *, any_size: bool
) -> None:
    """Put into a model what it says of itself, and check it.

    precision: "fp32", "fp16" or "int8"; any_size: whether inputs may have another size than `size`;
    the single head's may not, whose answer is in parts of it.
    """
    onnx.helper.set_model_props(
        proto,
        {
            "rtloc_format": FORMAT_VERSION,
            "labels": json.dumps(list(about.labels), ensure_ascii=False),
            "input_size": str(size),
            "threshold": f"{about.threshold:.4g}",
            "stage": about.stage,
            "figures": json.dumps({k: round(v, 4) for k, v in about.figures.items()}),
            "precision": precision,
            "any_size": json.dumps(any_size),
        },
    )
    onnx.checker.check_model(proto, full_check=True)


def halved(network: Network) -> Network:
    """Let a network compute in float16, but for the part that must be exact; it is changed.

    Batch norms become part of their convolutions first, in float32.
    """
    for layers in network.modules():
        if isinstance(layers, nn.Sequential):
            for n, (one, other) in enumerate(pairwise(layers)):
                if isinstance(one, nn.Conv2d) and isinstance(other, nn.BatchNorm2d):
                    layers[n] = fuse_conv_bn_eval(one, other)
                    layers[n + 1] = nn.Identity()
    for part in network.children():
        if part is not network.exact:
            part.half()
    return network


def figures_of(state: Mapping[str, Any], checkpoint: Path) -> Figures:
    """Return the figures in a checkpoint's state.

    Raises:
        TrainError: it was never validated, or by another version of rtloc.
    """
    if state["figures"] is None:
        raise TrainError(f"{checkpoint} was never validated; train on until the next validation")
    return rebuilt(Figures, state, "figures")


def export_checkpoint(checkpoint: Path, path: Path, precision: Precision = "fp32") -> Figures:
    """Write the model file of a checkpoint's averaged network; return the figures it carries.

    Raises:
        TrainError: the checkpoint cannot be read, was never validated, or `path` not be written.
    """
    state = load_checkpoint(checkpoint)
    figures = figures_of(state, checkpoint)
    stage, values = recipe_of(state).stage, figures.numbers()
    prepare_place(path)
    about = Description(state["labels"], figures.threshold, stage, values)
    export_onnx(averaged_network(state), about, path, precision)
    return figures
