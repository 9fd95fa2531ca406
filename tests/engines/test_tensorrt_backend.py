"""Running engines on a GPU: `make test-gpu` on a machine that has one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends import BACKENDS, Backend, Load, RawOutputs, open_backend
from engines.errors import BackendUnavailableError, EngineError
from engines.gpu import check_driver, find_gpu
from engines.model_file import read_model_info, shipped_models
from engines.tensorrt_module import MODULES, check_gpu, load_tensorrt
from train.data_set import CUTOUTS, PHOTOS, load_data_set
from train.matching import Found
from train.parity import parity

MODELS = shipped_models()
INFO = read_model_info(MODELS["pokemon-fp16"])
IN_FLOAT32 = read_model_info(MODELS["pokemon-fp32"])


@pytest.fixture(scope="module", params=list(MODULES))
def flavour(request: pytest.FixtureRequest) -> str:
    """A TensorRT that is installed on a machine with a GPU."""
    try:
        check_driver()
        check_gpu(load_tensorrt(request.param), request.param, find_gpu())
    except BackendUnavailableError as error:
        pytest.skip(str(error))
    return str(request.param)


@pytest.fixture(scope="module")
def backend(flavour: str) -> Iterator[Backend]:
    opened, _ = open_backend(INFO, flavour, Load(batch=4))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def samples() -> list[Any]:
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, INFO.input_size, seed=0)
    return [data.held_out.make(n, (16, 9)) for n in range(100)]


def answers(engine: Backend, samples: list[Any], batch: int = 1) -> list[Found]:
    found = []
    for n in range(0, len(samples), batch):
        raw = engine.infer(np.stack([s.image for s in samples[n : n + batch]]))
        found += [Found(*one) for one in zip(raw.boxes, raw.scores, raw.class_ids, strict=True)]
    return found


def used_mib() -> int:
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    )


@pytest.mark.gpu
@pytest.mark.parametrize("batch", [1, 4, 5])
def test_it_answers_as_onnx_runtime_does(backend: Backend, samples: list[Any], batch: int) -> None:
    reference, _ = open_backend(IN_FLOAT32, "onnxruntime")
    both = answers(backend, samples, batch), answers(reference, samples)
    assert parity(samples, both, INFO.labels, IN_FLOAT32.threshold).faults() == []


@pytest.mark.gpu
def test_with_a_graph_and_without_the_answers_are_equal(backend: Any, samples: list[Any]) -> None:
    from engines.tensorrt_backend import Context

    frames = samples[0].image[None]
    step_by_step = Context(backend._engine, frames.shape, graph=False)
    as_a_graph = Context(backend._engine, frames.shape)
    assert as_a_graph.has_graph
    assert not step_by_step.has_graph
    for sample in samples[:20]:
        both = [context.run(sample.image[None]) for context in (step_by_step, as_a_graph)]
        for one, other in zip(*both, strict=True):
            assert np.array_equal(one, other)
    step_by_step.close()
    as_a_graph.close()


@pytest.mark.gpu
def test_the_gpus_own_times_make_up_a_run(backend: Any, samples: list[Any]) -> None:
    times = backend.device_times_ms(samples[0].image[None])
    assert list(times) == ["upload", "compute", "download", "enqueue"]
    assert all(value > 0 for value in times.values())
    assert times["compute"] < 1000


@pytest.mark.gpu
def test_shapes_may_come_in_any_order(backend: Backend, samples: list[Any]) -> None:
    image = samples[0].image
    shapes = [image, image[:32], image[:, :64], image.transpose(1, 0, 2), image[:160], image]
    frames = [np.ascontiguousarray(one)[None] for one in shapes * 2]
    first = [backend.infer(one) for one in frames[:6]]
    for before, after in zip(first, (backend.infer(one) for one in frames[6:]), strict=True):
        assert np.array_equal(before.boxes, after.boxes)
    assert np.array_equal(first[0].scores, first[5].scores)


@pytest.mark.gpu
def test_ten_thousand_frames_leave_memory_as_it_was(backend: Backend, samples: list[Any]) -> None:
    frames = samples[0].image[None]
    for _ in range(100):
        backend.infer(frames)
    before = used_mib()
    for _ in range(10_000):
        backend.infer(frames)
    assert used_mib() - before <= 4


@pytest.mark.gpu
def test_two_localizers_in_two_threads_do_not_disturb_each_other(
    flavour: str, samples: list[Any]
) -> None:
    alone = answers(open_backend(INFO, flavour)[0], samples[:20])

    def run(_: int) -> list[Found]:
        engine, _reason = open_backend(INFO, flavour)
        return answers(engine, samples[:20])

    with ThreadPoolExecutor(2) as threads:
        for found in threads.map(run, range(2)):
            for one, other in zip(found, alone, strict=True):
                assert np.array_equal(one.boxes, other.boxes)


@pytest.mark.gpu
def test_threads_may_share_one(backend: Backend, samples: list[Any]) -> None:
    def run(sample: Any) -> RawOutputs:
        return backend.infer(sample.image[None])

    alone = [run(sample) for sample in samples]
    with ThreadPoolExecutor(4) as threads:
        for one, other in zip(threads.map(run, samples), alone, strict=True):
            assert np.array_equal(one.boxes, other.boxes)


@pytest.mark.gpu
def test_the_latency_table(
    backend: Backend, samples: list[Any], record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is held to a time; the table is for people (`make test-gpu`)."""
    with capsys.disabled():
        for batch in (1, 4):
            frames = np.stack([s.image for s in samples[:batch]])
            for _ in range(50):
                backend.infer(frames)
            times = [timed_ms(backend, frames) for _ in range(500)]
            low, mid, high = min(times), median(times), float(np.percentile(times, 99))
            print(f"\n{find_gpu().name}, {backend.name}, {batch} frames of {frames.shape[1:3]}: ")
            print(f"  least {low:.3f} ms, median {mid:.3f} ms, p99 {high:.3f} ms", end="")
            record_property(f"median_ms_{batch}", mid)
    assert median(times) > 0


def timed_ms(backend: Backend, frames: NDArray[np.uint8]) -> float:
    start = time.perf_counter()
    backend.infer(frames)
    return 1e3 * (time.perf_counter() - start)


@pytest.mark.parametrize("name", list(MODULES))
def test_without_a_gpu_it_says_so_and_auto_takes_another(name: str) -> None:
    try:
        check_driver()
        find_gpu()
    except BackendUnavailableError as error:
        with pytest.raises(BackendUnavailableError):
            BACKENDS[name](INFO, Load())
        opened, reason = open_backend(INFO)
        assert opened.name == "openvino"
        assert str(error) in reason
    else:
        pytest.skip("there is a GPU here")


def test_a_form_that_tensorrt_takes_is_found_beside_the_model(tmp_path: Path) -> None:
    from engines.model_file import at_size, form_in

    in_8_bits = read_model_info(MODELS["pokemon"])
    assert form_in(in_8_bits, ("fp16", "fp32")).path == MODELS["pokemon-fp16"]
    assert form_in(in_8_bits, ("fp32",)).path == MODELS["pokemon-fp32"]
    assert form_in(IN_FLOAT32, ("fp16", "fp32")) == IN_FLOAT32
    large = form_in(at_size(in_8_bits, 640), ("fp16", "fp32"))
    assert (large.path, large.input_size) == (MODELS["pokemon-fp16"], 640)
    alone = tmp_path / "alone.onnx"
    alone.write_bytes(MODELS["pokemon"].read_bytes())
    with pytest.raises(EngineError, match="is in int8; give a model in fp16 or fp32"):
        form_in(read_model_info(alone), ("fp16", "fp32"))


@pytest.mark.parametrize("beside", ["mine.onnx", "mine-fp16.onnx", "mine-int8-fp16.onnx"])
def test_a_form_is_found_beside_a_file_that_is_called_int8(tmp_path: Path, beside: str) -> None:
    from engines.model_file import form_in

    (tmp_path / "mine-int8.onnx").write_bytes(MODELS["pokemon"].read_bytes())
    (tmp_path / beside).write_bytes(MODELS["pokemon-fp16"].read_bytes())
    in_8_bits = read_model_info(tmp_path / "mine-int8.onnx")
    assert form_in(in_8_bits, ("fp16", "fp32")).path == tmp_path / beside


def test_narrow_frames_are_filled_up_with_grey() -> None:
    from engines.padding import BAR_GREY, at_least

    frames = np.zeros((2, 32, 384, 3), np.uint8)
    filled = at_least(frames, 64)
    assert filled.shape == (2, 64, 384, 3)
    assert (filled[:, 32:] == BAR_GREY).all()
    assert not filled[:, :32].any()
    assert at_least(filled, 64) is filled
