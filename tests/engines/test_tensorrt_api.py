"""What we call of TensorRT and CUDA is there, with the signatures that we use.

Checked against the real modules, which import without a GPU: TensorRT for RTX always, TensorRT
itself wherever it is installed.
"""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from engines.tensorrt_module import MODULES

ENGINES = Path(__file__).parents[2] / "engines"
STUBGEN = "from mypy.stubgen import main; main()"
CUDA_USERS = [p for p in sorted(ENGINES.glob("*.py")) if "cuda.bindings" in p.read_text("utf-8")]
USERS = [path for path in sorted(ENGINES.glob("*.py")) if "trt." in path.read_text("utf-8")]


def installed() -> list[str]:
    """The modules of all flavours that are here."""
    found = []
    for names in MODULES.values():
        for name in names:
            try:
                import_module(name)
            except ImportError:
                continue
            found.append(name)
    return found


def chains(path: Path, root: str) -> set[tuple[str, ...]]:
    """All dotted names in a file that begin with `root`, without it: trt.A.B gives (A, B)."""
    found = set()
    for one in ast.walk(ast.parse(path.read_text("utf-8"))):
        node, parts = one, list[str]()
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if parts and isinstance(node, ast.Name) and node.id == root:
            found.add(tuple(parts))
    return found


def test_tensorrt_for_rtx_is_installed_for_the_tests() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("its wheels are installed on x86 Linux only")
    assert set(installed()) & set(MODULES["tensorrt-rtx"])


@pytest.mark.parametrize("module", installed())
@pytest.mark.parametrize("path", USERS, ids=lambda p: p.name)
def test_every_name_that_we_use_is_there(module: str, path: Path) -> None:
    used = chains(path, "trt")
    assert used
    for chain in used:
        value: object = import_module(module)
        for name in chain:
            assert hasattr(value, name), ".".join(("trt", *chain))
            value = getattr(value, name)


@pytest.mark.parametrize("module", installed())
def test_every_call_has_the_real_signature(module: str, tmp_path: Path) -> None:
    # mypy's own stubgen turns the signatures that the module tells of itself into types
    extension = import_module(module)
    inner = next(
        name
        for name in (f"{module}.tensorrt_rtx", f"{module}.tensorrt", module)
        if name == module or hasattr(extension, name.rpartition(".")[2])
    )
    run("-c", STUBGEN, "--quiet", "--inspect-mode", "-m", inner, "-o", tmp_path / "made")
    (made,) = (tmp_path / "made").rglob(f"{inner.rpartition('.')[2]}.pyi")
    stub = tmp_path / "types" / "tensorrt" / "__init__.pyi"
    stub.parent.mkdir(parents=True)
    stub.write_text(parsable(made.read_text("utf-8")), "utf-8")
    assert "class Builder" in stub.read_text("utf-8")
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nignore_missing_imports = True\n", "utf-8")
    environment = {**os.environ, "MYPYPATH": f"{stub.parents[1]}{os.pathsep}{ENGINES.parent}"}
    mypy = ("-m", "mypy", "--config-file", config, "--cache-dir", tmp_path / "cache")
    for path in USERS:
        said = run(*mypy, path, **environment)
        assert [line for line in said.splitlines() if path.name in line] == []
    wrong = tmp_path / "wrong.py"
    text = (ENGINES / "engine_build.py").read_text("utf-8")
    wrong.write_text(text.replace("create_timing_cache(known)", "create_timing_cache(1)"), "utf-8")
    said = run(*mypy, wrong, **environment)
    assert 'Argument 1 to "create_timing_cache"' in said


def parsable(stub: str) -> str:
    """Leave out functions whose signature stubgen writes wrongly."""
    lines = []
    for line in stub.splitlines():
        if line.lstrip().startswith("def "):
            try:
                ast.parse(line.strip())
            except SyntaxError:
                continue
        lines.append(line)
    return "\n".join(lines) + "\n"


def run(*arguments: object, **environment: str) -> str:
    """Run Python; return what it prints. Stubs have faults of their own: mypy may exit with 1."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment or None,
        cwd=ENGINES.parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", CUDA_USERS, ids=lambda p: p.name)
def test_every_name_of_cuda_that_we_use_is_there(path: Path) -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    used = chains(path, "runtime")
    assert used
    for chain in used:
        value: object = runtime
        for name in chain:
            assert hasattr(value, name), ".".join(("runtime", *chain))
            value = getattr(value, name)


@pytest.mark.parametrize("path", CUDA_USERS, ids=lambda p: p.name)
def test_every_call_of_cuda_has_as_many_arguments_as_it_takes(path: Path) -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "runtime"
    ]
    assert calls
    for node in calls:
        assert isinstance(node.func, ast.Attribute)
        # the bindings tell their signature in the first line: cudaMalloc(size_t size)
        signature = getattr(runtime, node.func.attr).__doc__.splitlines()[0]
        assert signature.startswith(f"{node.func.attr}("), signature
        inside = signature.partition("(")[2].rpartition(")")[0]
        assert len(node.args) == (inside.count(",") + 1 if inside else 0), signature


def test_something_uses_tensorrt_and_cuda() -> None:
    assert USERS
    assert CUDA_USERS
