"""Export a trained network as one self-describing ONNX file (the model file's contract)."""

import copy
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch

from train.inference import Localization
from train.network import GridNetwork

OPSET = 17
FORMAT_VERSION = "1"


@dataclass(frozen=True)
class Description:
    """What a model file says of itself. figures: measured values, by name."""

    labels: Sequence[str]
    threshold: float
    stage: str
    figures: Mapping[str, float]


def fold_for_inference(network: GridNetwork) -> GridNetwork:
    """Return a copy in evaluation mode whose first convolution takes bytes 0..255 as they are."""
    folded = copy.deepcopy(network).eval().cpu()
    return folded


def export_onnx(network: GridNetwork, description: Description, path: Path) -> None:
    """Write the model file of a network, to a temporary name first, then moved to `path`."""
    size = network.shape.size
    model = Localization(copy.deepcopy(network).eval().cpu())
    partial = path.with_name(f".{path.name}.part")
    frames = torch.zeros(1, size, size, 3, dtype=torch.uint8)
    names = ["boxes", "scores", "class_ids"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter announces its successor
        torch.onnx.export(
            model,
            (frames,),
            str(partial),
            dynamo=False,
            opset_version=OPSET,
            input_names=["frames"],
            output_names=names,
            dynamic_axes={name: {0: "batch"} for name in ("frames", *names)},
        )
    proto = onnx.load(str(partial))
    onnx.helper.set_model_props(
        proto,
        {
            "rtloc_format": FORMAT_VERSION,
            "labels": json.dumps(list(description.labels), ensure_ascii=False),
            "input_size": str(size),
            "threshold": f"{description.threshold:.4g}",
            "stage": description.stage,
            "figures": json.dumps({k: round(v, 4) for k, v in description.figures.items()}),
            "precision": "fp32",
        },
    )
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(partial))
    os.replace(partial, path)
