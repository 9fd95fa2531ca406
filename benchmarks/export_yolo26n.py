"""Export YOLO26n as ONNX, for comparing latency; run it in a virtual environment of its own.

    pip install torch==2.14.1 torchvision==0.29.1
    pip install ultralytics==8.4.190 onnx==1.23.2 click
    python benchmarks/export_yolo26n.py out/yolo26n_320.onnx

The weights are random, so nothing is downloaded: how long an inference takes does not depend on
them. Convolutions and batch norms are fused and the end-to-end head is taken, as Ultralytics' own
exporter does with `nms=False`: it answers the 300 best boxes and needs no suppression afterwards.
"""

from pathlib import Path

import click
import torch
from ultralytics.nn.modules import C2f, Detect
from ultralytics.nn.tasks import DetectionModel

OPSET = 18
BEST_BOXES = 300


@click.command()
@click.argument("out", metavar="OUT.onnx", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--size", default=320, show_default=True, help="Width of the input in pixels.")
@click.option("--height", type=int, help="[default: the width, as YOLO is usually exported]")
@click.option("--classes", default=80, show_default=True, help="How many; COCO has 80.")
def main(out: Path, size: int, height: int | None, classes: int) -> None:
    """Export YOLO26n with random weights as OUT.onnx."""
    height = height or size
    torch.manual_seed(0)
    model = DetectionModel("yolo26n.yaml", nc=classes, verbose=False).eval()
    export(model, out, size, height)
    parameters = sum(weights.numel() for weights in model.parameters())
    click.echo(f"{out}: {parameters / 1e6:.2f} M parameters, input {size}×{height}")


def export(model: DetectionModel, out: Path, width: int, height: int) -> None:
    """Write a model, which is changed for it, as OUT.onnx."""
    model.end2end = True
    model.fuse(verbose=False)
    prepare(model, width, height)
    frames = torch.rand(1, 3, height, width)
    with torch.no_grad():
        answer = model(frames)
        assert answer.shape == (1, BEST_BOXES, 6), answer.shape
        partial = out.with_name(f".{out.name}.part")
        torch.onnx.export(
            model,
            (frames,),
            str(partial),
            opset_version=OPSET,
            input_names=["images"],
            output_names=["output0"],
            dynamo=False,
        )
    partial.replace(out)


def prepare(model: DetectionModel, width: int, height: int) -> None:
    """Set what Ultralytics' exporter sets before it traces the model."""
    for module in model.modules():
        if isinstance(module, Detect):
            module.export = True
            module.format = "onnx"
            strides = [int(stride) for stride in module.stride.tolist()]
            cells = sum((width // stride) * (height // stride) for stride in strides)
            module.max_det = min(BEST_BOXES, cells)
            module.shape = None
        elif isinstance(module, C2f):
            module.forward = module.forward_split


if __name__ == "__main__":
    main()
