"""The cache of engines, with real builds of TensorRT for RTX, which needs no GPU for them."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from engines.engine_build import BuildOptions
from engines.engine_cache import (
    cache_folder,
    cached_engine,
    clear_cache,
    engines_in_cache,
)
from engines.engine_file import hash_of, read_engine, write_engine
from engines.errors import BackendUnavailableError, EngineError
from engines.gpu import Gpu
from engines.model_file import ModelInfo, read_model_info, shipped_models
from engines.tensorrt_module import load_tensorrt

RTX = "tensorrt-rtx"
CARD = Gpu("a card", "8.9", 8192, "13.0")
INFO = read_model_info(shipped_models()["pokemon-fp16"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    try:
        load_tensorrt(RTX)
    except BackendUnavailableError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("RTLOC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Builds:
    """Counts how often TensorRT begins to build."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, phase: str, done: int, steps: int) -> None:
        self.count += done == 0


def engine(
    info: ModelInfo = INFO, gpu: Gpu = CARD, options: BuildOptions | None = None
) -> tuple[int, bytes]:
    """Ask for an engine; return how often it was built for that, and the engine."""
    builds = Builds()
    _, plan = cached_engine(info, RTX, gpu, options or BuildOptions(), builds)
    return builds.count, plan


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.engine")
    return path


def test_an_engine_is_compiled_once_and_then_loaded(folder: Path) -> None:
    count, plan = engine()
    assert count >= 1
    assert engine() == (0, plan)
    assert cache_folder() == folder
    (found,) = engines_in_cache()
    assert found.info is not None
    assert (found.info.onnx_sha256, found.info.gpu) == (hash_of(INFO.path), "a card")
    assert found.size_bytes > len(plan)


def test_a_newer_driver_takes_the_same_engine() -> None:
    engine()
    assert engine(gpu=replace(CARD, driver_cuda="13.5"))[0] == 0


def test_another_card_or_other_options_are_other_engines(folder: Path) -> None:
    engine()
    assert engine(gpu=replace(CARD, name="another"))[0] >= 1
    assert engine(options=BuildOptions(batch=2))[0] >= 1
    assert len(list(folder.glob("*.engine"))) == 3


def test_a_model_that_has_changed_is_compiled_again(tmp_path: Path) -> None:
    copy = tmp_path / "mine.onnx"
    copy.write_bytes(INFO.path.read_bytes())
    engine(read_model_info(copy))
    other = copy.read_bytes().replace(b"many-objects", b"many-OBJECTS")
    copy.write_bytes(other)
    assert engine(read_model_info(copy))[0] >= 1


def test_a_model_that_changes_while_it_is_compiled_makes_no_engine(
    folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "mine.onnx"
    copy.write_bytes(INFO.path.read_bytes())

    def change(phase: str, done: int, steps: int) -> None:
        copy.write_bytes(INFO.path.read_bytes().replace(b"many-objects", b"many-OBJECTS"))

    with pytest.raises(EngineError, match=r"mine\.onnx was changed while it was compiled"):
        cached_engine(read_model_info(copy), RTX, CARD, BuildOptions(), change)
    assert list(folder.glob("*.engine")) == []


@pytest.mark.parametrize("fault", ["truncated", "changed", "empty", "foreign", "stale"])
def test_a_bad_engine_is_found_and_compiled_again(folder: Path, fault: str) -> None:
    _, plan = engine()
    path = only_file(folder)
    whole = path.read_bytes()
    info, _ = read_engine(path)
    if fault == "stale":  # whole, but of another TensorRT than its name says
        write_engine(path, replace(info, tensorrt_version="1.0"), b"old")
    else:
        spoilt = {
            "truncated": whole[: len(whole) // 2],
            "changed": whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:],
            "empty": b"",
            "foreign": b"ptrt" + plan,
        }
        path.write_bytes(spoilt[fault])
    count, again = engine()
    assert count >= 1
    assert len(again) == len(plan)
    assert engine()[0] == 0
    assert read_engine(path)[0] == info


def build_elsewhere(folder: str, results: multiprocessing.Queue) -> None:
    os.environ["RTLOC_CACHE"] = folder
    count, plan = engine()
    results.put((count, len(plan)))


def test_two_processes_at_once_compile_once(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue = context.Queue()
    both = [context.Process(target=build_elsewhere, args=(str(folder), results)) for _ in range(2)]
    for process in both:
        process.start()
    answers = sorted(results.get(timeout=60) for _ in both)
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert answers[0][0] == 0 < answers[1][0]
    assert answers[0][1] == answers[1][1]
    assert [path.suffix for path in sorted(folder.iterdir())] == [".engine", ".lock"]


def test_clearing_leaves_nothing(folder: Path) -> None:
    engine()
    assert clear_cache() == 1
    assert list(folder.iterdir()) == []
    assert list(engines_in_cache()) == []


def test_clearing_leaves_what_is_being_compiled(folder: Path) -> None:
    engine()
    engine(options=BuildOptions(batch=2))
    busy, idle = sorted(folder.glob("*.engine"))
    part = folder / f".{busy.name}.part"
    part.touch()
    with FileLock(busy.with_suffix(".lock")):
        assert clear_cache() == 1
        assert not idle.exists()
        assert {path.name for path in folder.iterdir()} == {
            *(busy.name, part.name),
            busy.with_suffix(".lock").name,
        }
    assert clear_cache() == 1
    assert list(folder.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RTLOC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EngineError, match="set RTLOC_CACHE to another folder"):
        engine()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="no folder that even root cannot write")
def test_a_folder_that_takes_no_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTLOC_CACHE", "/sys")
    with pytest.raises(EngineError, match=r"cannot write /sys: .*; set RTLOC_CACHE"):
        engine()
