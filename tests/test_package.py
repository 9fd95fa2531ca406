"""What a wheel of the project holds."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("engines", "rtloc", "train")
WITH_THEM = ("LICENSE", "NOTICE.md", "README.md", "pyproject.toml", "setup.cfg")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy, since a folder `build` may hold what is there no more
    for package in PACKAGES:
        compiled = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, source / package, ignore=compiled)
    for name in WITH_THEM:
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder)]
    subprocess.run([*command, str(source)], check=True, timeout=300)
    (wheel,) = folder.glob("rtloc-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_all_of_the_packages_is_in_it_and_nothing_else(names: set[str]) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == ours
    assert {"engines/models/pokemon.onnx", "train/py.typed", "rtloc/page/index.html"} <= ours


def test_licence_notices_and_the_command_are_in_it(names: set[str]) -> None:
    in_info = {name.split(".dist-info/")[1] for name in names if ".dist-info/" in name}
    assert any(name.endswith("LICENSE") for name in in_info)
    assert any(name.endswith("NOTICE.md") for name in in_info)
    assert "entry_points.txt" in in_info
