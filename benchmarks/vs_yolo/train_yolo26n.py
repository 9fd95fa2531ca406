"""Train Ultralytics' YOLO26n from scratch for a given time, and answer held-out pictures with it.

Run by `compare.py` in a virtual environment of its own (Ultralytics is AGPL, and no part of rtloc):

    pip install torch==2.14.1 torchvision==0.29.1
    pip install ultralytics==8.4.190 onnx==1.23.2 click

Everything is Ultralytics' own default, but for what a run without a network and of a fixed length
needs: no pretrained weights, no plots, and no validation in between, which would take time.
"""

import copy
import json
import math
import sys
import time
from pathlib import Path

import click
from ultralytics import YOLO
from ultralytics.models.yolo.detect import DetectionTrainer

sys.path.insert(0, str(Path(__file__).parents[1]))
from export_yolo26n import export

LOWEST_SCORE = 0.01


@click.command()
@click.argument("data", metavar="DATA.yaml", type=click.Path(path_type=Path, exists=True))
@click.option("--minutes", type=float, required=True)
@click.option("--size", default=384, show_default=True)
@click.option("--batch", default=32, show_default=True)
@click.option("--pictures", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--onnx", type=click.Path(path_type=Path), required=True)
@click.option("--height", type=int, required=True, help="Of the input of the ONNX file, px.")
def main(
    data: Path,
    minutes: float,
    size: int,
    batch: int,
    pictures: Path,
    out: Path,
    onnx: Path,
    height: int,
) -> None:
    """Train on DATA.yaml, then write what is found in the folder PICTURES to OUT as JSON.

    OUT also says on how many pictures it trained, and how often: YOLO pastes four of them together
    (mosaic) for most that it sees.

    ONNX gets the trained network with an input as flat as a camera's frame, for the latency.
    """
    model = YOLO("yolo26n.yaml")
    batches, fixed = 0, 0  # begun, and how many pictures there are to learn from

    def count(trainer: DetectionTrainer) -> None:
        nonlocal batches, fixed
        batches, fixed = batches + 1, len(trainer.train_loader.dataset)

    model.add_callback("on_train_batch_start", count)
    started = time.perf_counter()
    model.train(
        data=str(data.resolve()),
        time=minutes / 60,
        epochs=1000,
        imgsz=size,
        batch=batch,
        device="cpu",
        workers=1,
        pretrained=False,
        amp=False,
        val=False,
        plots=False,
        project=str(out.parent.resolve()),
        name=f"{out.stem}_run",
        exist_ok=True,
        verbose=False,
    )
    trained_s = time.perf_counter() - started
    export(copy.deepcopy(model.model).float().eval(), onnx, size, height)
    found = [locate(model, path, size) for path in sorted(pictures.glob("*.*"))]
    weights = Path(model.trainer.last)
    seen = pictures_seen(batches, fixed, batch)
    report = {
        "trained_s": trained_s,
        "pictures": fixed,
        "pictures_seen": seen,
        "epochs": seen / fixed,
        "weights_bytes": weights.stat().st_size,
        "found": found,
    }
    partial = out.with_name(f".{out.name}.part")
    partial.write_text(json.dumps(report), encoding="utf-8")
    partial.replace(out)


def pictures_seen(batches: int, pictures: int, batch: int) -> int:
    """Return how many pictures that many batches have; the last one of an epoch may be smaller."""
    epochs, more = divmod(batches, math.ceil(pictures / batch))
    return epochs * pictures + more * batch


def locate(model: YOLO, path: Path, size: int) -> dict[str, object]:
    """Return the boxes (x1 y1 x2 y2 in pixels), scores and class ids found in a picture."""
    result = model.predict(str(path), imgsz=size, conf=LOWEST_SCORE, device="cpu", verbose=False)[0]
    return {
        "file": path.name,
        "boxes": result.boxes.xyxy.tolist(),
        "scores": result.boxes.conf.tolist(),
        "class_ids": [int(i) for i in result.boxes.cls.tolist()],
    }


if __name__ == "__main__":
    main()
