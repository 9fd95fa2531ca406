"""Memory, streams, graphs and events of a real GPU; TensorRT is not needed (`make test-gpu`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engines.errors import BackendUnavailableError, DeviceLostError
from engines.gpu import check_driver, find_gpu

pytestmark = pytest.mark.gpu
SIZE = 384 * 224 * 3


@pytest.fixture(scope="module", autouse=True)
def _gpu() -> None:
    try:
        check_driver()
        find_gpu()
    except BackendUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def stream() -> Iterator[Any]:
    from engines.cuda_memory import Stream

    opened = Stream()
    yield opened
    opened.close()


@pytest.fixture
def buffer() -> Iterator[Any]:
    from engines.cuda_memory import Buffer

    room = Buffer(SIZE)
    yield room
    room.free()


def some_bytes(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, SIZE, np.uint8)


def test_what_goes_up_comes_down(stream: Any, buffer: Any) -> None:
    for seed in range(5):
        sent = some_bytes(seed)
        buffer.host[:] = sent
        buffer.copy(True, stream.handle)
        stream.wait()
        buffer.host[:] = 0
        buffer.copy(False, stream.handle)
        stream.wait()
        assert np.array_equal(buffer.host, sent)


def test_a_recorded_graph_does_its_work_each_time_it_is_played(stream: Any, buffer: Any) -> None:
    from engines.cuda_memory import Buffer, checked, runtime

    other = Buffer(SIZE)
    kind = runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice

    def work() -> None:
        buffer.copy(True, stream.handle)
        checked(runtime.cudaMemcpyAsync(other.device, buffer.device, SIZE, kind, stream.handle))
        other.copy(False, stream.handle)

    other.host[:] = 7
    play = stream.record(work)
    assert play is not None
    stream.wait()
    assert (other.host == 7).all()  # recording does nothing yet
    for seed in range(5):
        buffer.host[:] = some_bytes(seed)
        play()
        stream.wait()
        assert np.array_equal(other.host, some_bytes(seed))
    other.free()


def test_what_cannot_be_recorded_is_said_and_the_stream_goes_on(stream: Any, buffer: Any) -> None:
    from engines.cuda_memory import checked, runtime

    assert stream.record(lambda: checked(runtime.cudaStreamSynchronize(stream.handle))) is None
    buffer.host[:] = some_bytes(1)
    buffer.copy(True, stream.handle)
    buffer.copy(False, stream.handle)
    stream.wait()
    assert np.array_equal(buffer.host, some_bytes(1))


def test_events_tell_the_gpus_own_time(stream: Any, buffer: Any) -> None:
    from engines.cuda_memory import Event

    first, then = Event(), Event()
    first.record(stream.handle)
    for _ in range(20):
        buffer.copy(True, stream.handle)
    then.record(stream.handle)
    stream.wait()
    assert first.ms_until(then) > 0
    first.close()
    then.close()


def test_a_failed_call_says_why() -> None:
    from engines.cuda_memory import Buffer

    with pytest.raises(DeviceLostError, match="the GPU failed: out of memory"):
        Buffer(1 << 60)
