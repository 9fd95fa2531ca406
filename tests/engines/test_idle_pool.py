"""What is kept for the next thread: no more of it than was in use at once, and all given back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engines.errors import DeviceLostError
from engines.idle_pool import IdlePool, Shape


class Room:
    """What is made for a shape; it knows whether it was given back."""

    def __init__(self, shape: Shape, made: list[Room]) -> None:
        self.shape, self.is_open, self.in_use = shape, True, threading.Lock()
        made.append(self)

    def close(self) -> None:
        assert self.is_open
        self.is_open = False


@pytest.fixture
def made() -> list[Room]:
    return []


@pytest.fixture
def pool(made: list[Room]) -> IdlePool[Room]:
    return IdlePool(lambda shape: Room(shape, made), kept_shapes=2)


def use(pool: IdlePool[Room], *shape: int) -> Room:
    with pool.one(shape) as room:
        assert room.is_open
        assert room.shape == shape
        assert room.in_use.acquire(blocking=False)  # it is nobody else's
        room.in_use.release()
    return room


def test_threads_that_come_and_go_leave_one(pool: IdlePool[Room], made: list[Room]) -> None:
    for _ in range(200):
        thread = threading.Thread(target=use, args=(pool, 1, 2))
        thread.start()
        thread.join()
    assert len(made) == 1
    pool.close()
    assert not made[0].is_open


def test_threads_at_once_have_one_each(pool: IdlePool[Room], made: list[Room]) -> None:
    together = threading.Barrier(4, timeout=20)

    def run(_: int) -> None:
        with pool.one((1,)) as room:
            assert room.in_use.acquire(blocking=False)
            together.wait()
            room.in_use.release()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(run, range(40)))
    assert len(made) == 4
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: use(pool, n % 5), range(1000)))
    pool.close()
    assert not any(room.is_open for room in made)


def test_the_shapes_used_last_are_kept(pool: IdlePool[Room], made: list[Room]) -> None:
    first, second = use(pool, 1), use(pool, 2)
    assert use(pool, 1) is first
    use(pool, 3)
    assert not second.is_open
    assert use(pool, 1) is first
    assert [room.is_open for room in made] == [True, False, True]


def test_what_is_in_use_is_closed_after_its_use(pool: IdlePool[Room]) -> None:
    with pool.one((1,)) as room:
        pool.close()
        assert room.is_open
    assert not room.is_open


def test_what_failed_is_given_back_and_what_cannot_be_made_is_told(made: list[Room]) -> None:
    def make(shape: Shape) -> Room:
        if shape == (0,):
            raise DeviceLostError("the GPU failed")
        return Room(shape, made)

    pool = IdlePool(make, kept_shapes=2)
    with pytest.raises(DeviceLostError):
        use(pool, 0)
    with pytest.raises(ZeroDivisionError), pool.one((1,)):
        raise ZeroDivisionError
    assert use(pool, 1) is made[0]
    pool.close()
    assert [room.is_open for room in made] == [False]
