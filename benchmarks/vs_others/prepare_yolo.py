"""Write YOLO26n and YOLO11n as Ultralytics runs them on a CPU: torch, ONNX and OpenVINO.

    YOLO_VENV/bin/python benchmarks/vs_others/prepare_yolo.py out/yolo

The weights are random: that costs YOLO no time, and nothing is downloaded. `../README.md` says what
the virtual environment needs.
"""

import os
import shutil
from pathlib import Path

import click

os.environ["YOLO_AUTOINSTALL"] = "false"
from ultralytics import YOLO

NETWORKS = ("yolo26n", "yolo11n")
SIZES = (320, 640)
FORMATS = {"onnx": ".onnx", "openvino": "_openvino_model"}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def main(folder: Path) -> None:
    """Write the models into FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        for size in SIZES:
            weights = folder / f"{network}_{size}.pt"
            YOLO(f"{network}.yaml").save(weights)
            for form, suffix in FORMATS.items():
                target = weights.with_name(weights.stem + suffix)
                if target.is_dir():
                    shutil.rmtree(target)
                YOLO(weights).export(format=form, imgsz=size, device="cpu")
                assert target.exists(), target


if __name__ == "__main__":
    main()
