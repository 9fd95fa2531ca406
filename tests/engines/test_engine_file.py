"""The engine file: whole, or refused before anybody runs it."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.engine_file import (
    DIGEST_BYTES,
    LENGTH_BYTES,
    MAGIC,
    EngineFileError,
    EngineInfo,
    hash_of,
    read_engine,
    read_engine_info,
    write_engine,
)
from engines.errors import EngineError

INFO = EngineInfo(
    onnx_sha256="ab" * 32,
    flavour="tensorrt",
    tensorrt_version="10.13.0",
    gpu="NVIDIA H100",
    compute_capability="9.0",
    driver_cuda="13.0",
    shapes=((1, 64, 64, 3), (1, 224, 384, 3), (4, 384, 384, 3)),
    options={"batch": 4, "version_compatible": False, "workspace_mib": None},
    labels=("Bulbasaur", "Pokémon “first”"),
    input_size=384,
    threshold=0.5,
    stage="many-objects",
    precision="fp16",
)
PLAN = bytes(range(256)) * 20


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engine") / "m.engine"
    write_engine(path, INFO, PLAN)
    return path


def test_it_comes_back_as_it_was_written(file: Path) -> None:
    assert read_engine(file) == (INFO, PLAN)
    assert read_engine_info(file) == INFO
    assert [path.name for path in file.parent.iterdir()] == ["m.engine"]


def test_what_it_says_is_read_without_the_engine(tmp_path: Path) -> None:
    path, plan = tmp_path / "large.engine", bytes(16 << 20)
    write_engine(path, INFO, plan)
    tracemalloc.start()
    try:
        assert read_engine_info(path) == INFO
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < len(plan) / 8
    assert read_engine(path) == (INFO, plan)


def test_it_tells_what_the_model_file_would(file: Path) -> None:
    model = read_engine_info(file).model_info(file)
    assert (model.labels, model.input_size, model.threshold) == (INFO.labels, 384, 0.5)
    assert (model.stage, model.precision, model.path) == ("many-objects", "fp16", file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_changed_bit_is_found(file: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(file.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    spoilt = tmp_path / "spoilt.engine"
    spoilt.write_bytes(whole)
    with pytest.raises(EngineFileError):
        read_engine(spoilt)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_one_cut_short_is_found(file: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = file.read_bytes()
    spoilt = tmp_path / "short.engine"
    spoilt.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(EngineFileError):
        read_engine(spoilt)


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "plan.engine"
    other.write_bytes(b"ptrt" + PLAN)
    with pytest.raises(EngineFileError, match="is no engine file of rtloc; make one with"):
        read_engine(other)


def test_a_description_too_deep_to_be_read_is_damaged(tmp_path: Path) -> None:
    about = b"[" * 100_000
    whole = MAGIC + len(about).to_bytes(LENGTH_BYTES, "little") + about + bytes(DIGEST_BYTES)
    (tmp_path / "deep.engine").write_bytes(whole)
    with pytest.raises(EngineFileError, match="is damaged; compile the model again"):
        read_engine_info(tmp_path / "deep.engine")


@pytest.mark.parametrize(
    "changes",
    [
        {"flavour": "tensosrt"},
        {"flavour": ["tensorrt"]},
        {"shapes": [[1, 64, 64, 3]] * 2},
        {"shapes": [[1, 64, 64]] * 3},
        {"shapes": [[1, 64, 64, "3"]] * 3},
        {"threshold": 2},
        {"threshold": None},
        {"labels": []},
        {"labels": [1]},
        {"input_size": 10**400},
    ],
    ids=str,
)
def test_a_description_of_no_engine_is_damaged(
    file: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    about = json.dumps({**asdict(INFO), **changes}).encode()
    whole = MAGIC + len(about).to_bytes(LENGTH_BYTES, "little") + about + bytes(DIGEST_BYTES)
    (tmp_path / "changed.engine").write_bytes(whole)
    with pytest.raises(EngineFileError, match="is damaged; compile the model again"):
        read_engine_info(tmp_path / "changed.engine")


def test_what_cannot_be_read_or_written_is_told(file: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot read .*: No such file"):
        read_engine(tmp_path / "none.engine")
    with pytest.raises(EngineError, match=r"cannot write .*: No such file"):
        write_engine(tmp_path / "no/folder/m.engine", INFO, PLAN)
    with pytest.raises(EngineError, match="cannot read"):
        hash_of(tmp_path / "none.onnx")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.engine").mkdir()
    with pytest.raises(EngineError, match="cannot write"):
        write_engine(tmp_path / "m.engine", INFO, PLAN)
    assert [path.name for path in tmp_path.iterdir()] == ["m.engine"]


def test_the_hash_is_that_of_the_files_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_of(tmp_path / "a").startswith("ba7816bf8f01cfea")
    assert replace(INFO, onnx_sha256=hash_of(tmp_path / "a")) != INFO
