"""What a wheel of the project holds."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, timeout=300)
    (wheel,) = folder.glob("rtloc-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_models_types_and_training_pictures_are_in_it(names: set[str]) -> None:
    assert "engines/models/pokemon.onnx" in names
    for package in ("engines", "rtloc", "train"):
        assert f"{package}/py.typed" in names
        for path in (ROOT / package).rglob("*.py"):
            assert str(path.relative_to(ROOT)) in names
    for path in (ROOT / "train/assets").rglob("*.*"):
        assert str(path.relative_to(ROOT)) in names


def test_licence_notices_and_the_command_are_in_it(names: set[str]) -> None:
    in_info = {name.split(".dist-info/")[1] for name in names if ".dist-info/" in name}
    assert any(name.endswith("LICENSE") for name in in_info)
    assert any(name.endswith("NOTICE.md") for name in in_info)
    assert "entry_points.txt" in in_info


def test_nothing_else_is_in_it(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"engines", "rtloc", "train"}
