"""`rtloc compile` as a user calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.backends import read_model
from engines.engine_file import hash_of, read_engine
from engines.errors import BackendUnavailableError, InputSizeError
from engines.gpu import find_gpu
from engines.model_file import at_size, read_model_info, shipped_models
from engines.tensorrt_module import load_tensorrt

MODEL = shipped_models()["pokemon-fp16"]


@pytest.fixture(autouse=True)
def rtx() -> None:
    try:
        load_tensorrt("tensorrt-rtx")
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def test_an_engine_says_what_it_is_made_of(rtloc, tmp_path: Path) -> None:
    command = ("compile", "pokemon-fp16", "--backend", "tensorrt-rtx", "--batch", 4)
    done = rtloc(*command, "--timing-cache", "kernels.cache")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("pokemon-fp16.engine: ")
    assert len(done.stderr.strip().splitlines()) == 1
    info, plan = read_engine(tmp_path / "pokemon-fp16.engine")
    model = read_model_info(MODEL)
    assert info.onnx_sha256 == hash_of(MODEL)
    assert (info.flavour, info.precision, info.labels) == ("tensorrt-rtx", "fp16", model.labels)
    assert info.tensorrt_version.split(".")[0].isdigit()
    assert info.shapes[2] == (4, 512, 512, 3)
    assert info.options["batch"] == 4
    assert len(plan) > 1_000_000
    assert (tmp_path / "kernels.cache").stat().st_size > 0
    assert {p.name for p in tmp_path.iterdir()} == {"pokemon-fp16.engine", "kernels.cache"}
    again = rtloc(*command, "--timing-cache", "kernels.cache", "-o", "again.engine")
    assert again.returncode == 0, again.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_on_a_full_disk_nothing_of_a_timing_cache_is_left(fails, tmp_path: Path) -> None:
    (tmp_path / ".kernels.part.cache").symlink_to("/dev/full")
    command = ("compile", "pokemon-fp16", "--backend", "tensorrt-rtx")
    said = fails(1, *command, "--timing-cache", "kernels.cache")
    assert "cannot write kernels.cache: No space left on device" in said
    assert [path.name for path in tmp_path.iterdir()] == ["pokemon-fp16.engine"]


def test_an_engine_is_for_the_size_that_it_was_compiled_for(rtloc, tmp_path: Path) -> None:
    command = ("compile", "pokemon-fp16", "--backend", "tensorrt-rtx", "-o", "large.engine")
    done = rtloc(*command, "--input-size", 640)
    assert done.returncode == 0, done.stderr
    info, _ = read_engine(tmp_path / "large.engine")
    assert info.shapes[1:] == ((1, 384, 640, 3), (1, 640, 640, 3))
    assert info.input_size == 640
    model = read_model(tmp_path / "large.engine")
    assert at_size(model, 640) == model
    with pytest.raises(InputSizeError, match=r"large\.engine takes inputs of 640 pixels only"):
        at_size(model, 384)


def test_of_a_model_in_8_bits_the_form_beside_it_is_compiled(rtloc, tmp_path: Path) -> None:
    done = rtloc("compile", "--backend", "tensorrt-rtx")
    assert done.returncode == 0, done.stderr
    info, _ = read_engine(tmp_path / "pokemon-fp16.engine")
    assert (info.onnx_sha256, info.precision) == (hash_of(MODEL), "fp16")


def test_a_model_in_8_bits_without_a_form_is_refused_in_one_line(fails, tmp_path: Path) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(shipped_models()["pokemon"].read_bytes())
    said = fails(1, "compile", alone, "--backend", "tensorrt-rtx")
    assert "alone.onnx is in int8; give a model in fp16 or fp32" in said
    assert list(tmp_path.iterdir()) == [alone]


def test_an_engine_for_turing_is_for_tensorrt_for_rtx_alone(rtloc, fails, tmp_path: Path) -> None:
    command = ("compile", "pokemon-fp16", "--turing", "-o", "turing.engine")
    assert "--turing is for --backend tensorrt-rtx" in fails(2, *command, "--backend", "tensorrt")
    done = rtloc(*command, "--backend", "tensorrt-rtx")
    assert done.returncode == 0, done.stderr
    info, _ = read_engine(tmp_path / "turing.engine")
    assert info.options["turing"] is True
    assert f"for {info.gpu or 'any RTX GPU of Turing'}" in done.stderr


def test_what_tensorrt_for_rtx_cannot_do_is_told(fails) -> None:
    command = ("compile", "pokemon-fp16", "--backend", "tensorrt-rtx")
    said = fails(2, *command, "--version-compatible")
    assert "--version-compatible is for --backend tensorrt; leave it out" in said
    assert "--workspace-mib" in fails(2, *command, "--workspace-mib", 99999999999999)


def test_a_wrong_place_is_told_before_the_work(fails) -> None:
    said = fails(2, "compile", "pokemon-fp16", "--backend", "tensorrt-rtx", "-o", "no/m.engine")
    assert "there is no folder no" in said


def test_nothing_is_written_over_what_is_read(fails, tmp_path: Path) -> None:
    copy, cache = tmp_path / "m.engine", tmp_path / "kernels.engine"  # a model by another name
    copy.write_bytes(MODEL.read_bytes())
    (tmp_path / "link.engine").symlink_to(copy)
    command = ("compile", copy, "--backend", "tensorrt-rtx", "-o")
    for out in ("m.engine", "link.engine"):
        assert f"{out} is {copy} itself; name another file" in fails(2, *command, out)
    assert f"m.engine is {copy} itself" in fails(2, *command, "x.engine", "--timing-cache", copy)
    assert f"is {cache} itself" in fails(2, *command, cache, "--timing-cache", "kernels.engine")
    assert "m.onnx must end in .engine" in fails(2, *command, "m.onnx")
    assert copy.read_bytes() == MODEL.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"m.engine", "link.engine"}


def test_without_tensorrt_or_a_gpu_the_error_says_what_is_missing(fails) -> None:
    try:
        load_tensorrt("tensorrt")
        find_gpu()
    except BackendUnavailableError:
        said = fails(1, "compile", "pokemon-fp16")
        assert 'pip install "rtloc[tensorrt]"' in said or "needs an NVIDIA GPU" in said
    else:
        pytest.skip("TensorRT and a GPU are here")
