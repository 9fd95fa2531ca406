"""`rtloc engines` and `rtloc doctor` as a user calls them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engines.backends import BACKENDS
from engines.engine_file import EngineInfo, write_engine
from engines.errors import BackendUnavailableError
from engines.gpu import check_driver
from engines.model_file import shipped_models

INFO = EngineInfo(
    *("ab" * 32, "tensorrt", "10.13.0", "NVIDIA H100", "9.0", "13.0"),
    shapes=((1, 64, 64, 3), (1, 224, 384, 3), (8, 384, 384, 3)),
    options={"batch": 8},
    labels=("cat", "Pokémon"),
    input_size=384,
    threshold=0.5,
    stage="many-objects",
    precision="fp16",
)
BAD, NAME = "bad-0123456789abcdef.engine", "m-fedcba9876543210.engine"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("RTLOC_CACHE", str(folder))
    return folder


def test_the_cache_is_listed_shown_and_cleared(rtloc, fails, cache: Path) -> None:
    write_engine(cache / NAME, INFO, b"plan" * 1000)
    (cache / BAD).write_bytes(b"nothing")
    for command in (("engines",), ("engines", "list")):
        done = rtloc(*command)
        assert done.returncode == 0, done.stderr
        assert done.stderr.strip() == f"{cache}: 2 engines"
        bad, good = done.stdout.strip().splitlines()
        assert bad.startswith(f"{BAD}  0.0 MB  damaged")
        assert good == f"{NAME}  0.0 MB  fp16, tensorrt 10.13.0, NVIDIA H100, up to 8 frames"
    shown = json.loads(rtloc("engines", "show", NAME).stdout)
    assert (shown["labels"], shown["engine_bytes"]) == (["cat", "Pokémon"], 4000)
    assert "is no engine file of rtloc" in fails(1, "engines", "show", BAD)
    assert "no engine 'none'" in fails(2, "engines", "show", "none")
    assert "2 engines removed" in rtloc("engines", "clear").stderr
    assert list(cache.iterdir()) == []


def test_what_else_lies_in_the_caches_folder_stays(rtloc, cache: Path) -> None:
    others = ("poetry.lock", "yolo11n.engine", "m-1234.engine", "main.py", ".m.engine.part")
    for name in (*others, BAD.replace(".engine", ".lock"), f".{NAME}.part"):
        (cache / name).touch()
    (cache / NAME).symlink_to("nothing.engine")
    (cache / BAD).mkdir()
    for command in (("engines",), ("engines", "clear")):
        done = rtloc(*command)
        assert done.returncode == 0, done.stderr
        assert "0 engines" in done.stderr
    assert rtloc("doctor").returncode == 0
    assert {path.name for path in cache.iterdir()} == {*others, NAME, BAD}


def test_an_engine_is_run_by_its_own_backend_only(fails, cache: Path, tmp_path: Path) -> None:
    write_engine(tmp_path / "m.engine", INFO, b"plan")
    (tmp_path / "a.png").write_bytes(b"")
    said = fails(1, "image", "a.png", "--model", "m.engine", "--backend", "openvino")
    assert "m.engine is an engine for tensorrt, not for openvino" in said


def test_the_doctor_tells_what_is_here(rtloc, cache: Path) -> None:
    done = rtloc("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found["backends"]) == set(BACKENDS)
    assert found["backends"]["openvino"] == found["backends"]["onnxruntime"] == "usable"
    assert set(found["models"]) == set(shipped_models())
    assert found["engine cache"] == {"folder": str(cache), "engines": 0, "MB": 0}
    assert found["libraries"]["numpy"][0].isdigit()
    assert found["opencv"]["windows"]
    assert found["gpu"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_the_doctor_counts_the_cores_that_are_for_it(rtloc, cache: Path) -> None:
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(own)})
    try:
        done = rtloc("doctor", "--json")
    finally:
        os.sched_setaffinity(0, own)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["system"].endswith(", 1 cores")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_what_does_not_load_is_told_from_what_is_not_installed(
    rtloc, tmp_path: Path, name: str
) -> None:
    module, remedy = tmp_path / f"{name}.py", f"pip install {name}"
    for raised, said in (
        ("ImportError('DLL load failed:\\nno VC++')", "does not load: DLL load failed: no VC++; "),
        ("ModuleNotFoundError('no x', name='x')", "does not load: no x; install it again"),
        (f"ModuleNotFoundError('none', name={name!r})", f"is not installed ({remedy})"),
    ):
        module.write_text(f"raise {raised}\n", "utf-8")
        done = rtloc("doctor", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["backends"][name].startswith(f"{name} {said}")


def test_without_a_driver_the_doctor_blames_nothing_else(rtloc) -> None:
    try:
        check_driver()
    except BackendUnavailableError as error:
        assert json.loads(rtloc("doctor", "--json").stdout)["gpu"] == str(error)
    else:
        pytest.skip("there is a driver here")


def test_the_doctor_speaks_to_people(rtloc, cache: Path) -> None:
    done = rtloc("doctor")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rtloc: ")
    assert any(line.split()[0] == "openvino" and line.endswith("usable") for line in lines)
    assert any(line.startswith("auto takes:") for line in lines)
