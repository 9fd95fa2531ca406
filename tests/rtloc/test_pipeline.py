"""Steps in threads with bounded queues."""

import threading
import time
from collections.abc import Iterator

import pytest

from rtloc.pipeline import QUEUE_FRAMES, pipeline


def threads_alive() -> int:
    return threading.active_count()


def test_every_item_passes_every_step_in_order() -> None:
    with pipeline(range(500), lambda n: n + 1, lambda n: n * 2) as results:
        assert list(results) == [2 * (n + 1) for n in range(500)]


def test_each_step_has_a_thread_of_its_own() -> None:
    names = []

    def note(n: int) -> int:
        names.append(threading.current_thread().name)
        return n

    with pipeline(range(3), note, note) as results:
        list(results)
    assert len(set(names)) == 2
    assert threading.current_thread().name not in names


@pytest.mark.parametrize("where", ["source", "first", "last"])
def test_an_error_anywhere_ends_the_run_and_is_raised(where: str) -> None:
    def source() -> Iterator[int]:
        for n in range(1000):
            if where == "source" and n == 50:
                raise RuntimeError("source")
            yield n

    def step(name: str, n: int) -> int:
        if where == name and n == 50:
            raise RuntimeError(name)
        return n

    before = threads_alive()
    with (
        pytest.raises(RuntimeError, match=where),
        pipeline(source(), lambda n: step("first", n), lambda n: step("last", n)) as results,
    ):
        list(results)
    assert threads_alive() == before


def test_leaving_early_ends_all_threads() -> None:
    before = threads_alive()
    with pipeline(iter(int, 1), lambda n: n) as results:
        next(results)
    assert threads_alive() == before


def test_a_slow_end_holds_the_source_back() -> None:
    made = []

    def source() -> Iterator[int]:
        for n in range(10_000):
            made.append(n)
            yield n

    with pipeline(source(), lambda n: n, lambda n: n) as results:
        next(results)
        time.sleep(0.3)
        # three queues, one item in the hands of each thread, one taken
        assert len(made) <= 3 * QUEUE_FRAMES + 5


def test_an_empty_source_has_no_results() -> None:
    with pipeline([], lambda n: n) as results:
        assert list(results) == []
