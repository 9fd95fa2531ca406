"""The three packages' rules: who may import whom, and what starting must not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRAINING_COMMANDS = {"eval", "export", "stages", "synth", "train", "verify"}


def imported_packages(path: Path) -> set[str]:
    """The first names of all modules that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def files_of(package: str) -> list[Path]:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    return files


@pytest.mark.parametrize("path", files_of("engines"), ids=lambda p: p.name)
def test_engines_import_neither_rtloc_nor_train(path: Path) -> None:
    assert not imported_packages(path) & {"rtloc", "train", "torch", "cv2", "click"}


@pytest.mark.parametrize("path", files_of("train"), ids=lambda p: p.name)
def test_train_imports_nothing_of_rtloc(path: Path) -> None:
    assert "rtloc" not in imported_packages(path)


@pytest.mark.parametrize("path", files_of("rtloc"), ids=lambda p: str(p.relative_to(ROOT)))
def test_rtloc_imports_train_only_in_the_commands_that_train(path: Path) -> None:
    imported = imported_packages(path)
    assert "torch" not in imported
    if path.parent.name != "commands" or path.stem.split("_")[0] not in TRAINING_COMMANDS:
        assert "train" not in imported


def loaded_by(code: str) -> set[str]:
    """What a Python process has loaded after running some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_rtloc_loads_next_to_nothing() -> None:
    loaded = loaded_by("import rtloc")
    assert "rtloc" in loaded
    assert not loaded & {"numpy", "cv2", "openvino", "av", "click", "torch", "train", "engines"}


@pytest.mark.parametrize("command", ["video", "webcam", "image"])
def test_the_live_commands_load_no_torch(command: str) -> None:
    loaded = loaded_by(f"import rtloc.localizer, rtloc.commands.{command}")
    assert "cv2" in loaded
    assert not loaded & {"torch", "train", "onnx", "openvino", "onnxruntime"}
