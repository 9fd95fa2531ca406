"""Take the weights of a network out of a float32 model file, to train on from there.

In a model file each batch norm is one with its convolution. Training needs them apart again, with
the statistics that the network's own pictures have there: `set_apart`.
"""

from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from engines.errors import EngineError
from engines.model_file import read_model_info
from train.errors import TrainError
from train.heads import head_of

PART_OF_GRAPH = (
    "network."  # what the names of weights in a graph begin with, beside a network's own
)


def read_weights(model: Path, network: nn.Module) -> tuple[list[str], dict[str, Tensor]]:
    """Return a model file's labels, and its weights by the names they have in `network`.

    Batch norms do nothing but add the convolution's bias.

    Raises:
        TrainError: the file cannot be read, has no float32 weights, or is of another network.
    """
    try:
        info = read_model_info(model)
    except EngineError as error:
        raise TrainError(str(error)) from error
    check_head(model, "dense" if info.any_size else "single", network)
    if info.precision != "fp32":
        raise TrainError(
            f"{model} has no float32 weights to train on; export the model with --precision fp32, "
            "or name a checkpoint"
        )
    try:
        proto = onnx.load(str(model))
    except Exception as error:  # reading a damaged file raises nearly anything
        raise TrainError(f"{model} is damaged or no model file; name another") from error
    held = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in proto.graph.initializer}
    weights = {
        name.removeprefix(PART_OF_GRAPH): values
        for name, values in held.items()
        if name.startswith(PART_OF_GRAPH)
    }
    fused = [
        (held[node.input[1]], held[node.input[2]])
        for node in proto.graph.node
        if node.op_type == "Conv" and not node.input[1].startswith(PART_OF_GRAPH)
    ]
    pairs = normed_convolutions(network)
    if len(fused) != len(pairs):
        raise TrainError(of_another_network(model))
    for (name, norm), (kernel, bias) in zip(pairs, fused, strict=True):
        weights |= apart(name, norm, kernel, bias)
    return list(info.labels), weights


def check_head(source: Path, theirs: str, network: nn.Module) -> None:
    """Make sure that a file's weights are of a network with the same head.

    Raises:
        TrainError: they are not.
    """
    if theirs != head_of(network):
        raise TrainError(
            f"{source} is of a network with the {theirs} head, not with the {head_of(network)} "
            "one; name other --weights, or none"
        )


def of_another_network(source: Path) -> str:
    """Say that a file's weights do not fit, and what to do."""
    return (
        f"{source} is of another network than the one to train; give the --depths that it was "
        "trained with, or --weights none"
    )


def normed_convolutions(network: nn.Module) -> list[tuple[str, nn.BatchNorm2d]]:
    """Return the batch norms and what the layers that they stand in are called, in their order.

    That is the order in which the network uses them as well.
    """
    return [
        (name.rpartition(".")[0], layer)
        for name, layer in network.named_modules()
        if isinstance(layer, nn.BatchNorm2d)
    ]


def apart(name: str, norm: nn.BatchNorm2d, kernel: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Return the weights of a convolution and of a batch norm that only adds the bias."""
    ones = torch.ones_like(bias)
    return {
        f"{name}.0.weight": kernel,
        f"{name}.1.weight": ones,
        f"{name}.1.bias": bias,
        f"{name}.1.running_mean": torch.zeros_like(bias),
        f"{name}.1.running_var": ones - norm.eps,
        f"{name}.1.num_batches_tracked": torch.tensor(0),
    }


@torch.no_grad()
def set_apart(network: nn.Module, *batches: Tensor) -> None:
    """Give batch norms the statistics of batches of frames, and change no answer.

    Without, training would begin by norming each layer's outputs to what they never were.
    batches: uint8 [B, H, W, 3] BGR each, as many in each; their shapes may differ.
    """
    taken: dict[nn.BatchNorm2d, list[tuple[Tensor, Tensor]]] = {}

    def take_statistics(norm: nn.Module, inputs: Sequence[Tensor]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        mean, variance = inputs[0].mean(dim=(0, 2, 3)), inputs[0].var(dim=(0, 2, 3))
        taken.setdefault(norm, []).append((mean, variance))

    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(take_statistics) for norm in norms]
    try:
        for frames in batches:
            network.eval()(frames)
    finally:
        for hook in hooks:
            hook.remove()
    for norm, of_batches in taken.items():
        means, variances = (torch.stack(values) for values in zip(*of_batches, strict=True))
        give_statistics(norm, means.mean(0), variances.mean(0) + means.var(0, correction=0))


def give_statistics(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Give a batch norm other statistics, [channels] each, and weights that make up for it."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    norm.bias.add_(scale * (mean - norm.running_mean))
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
