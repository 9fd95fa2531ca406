"""Keep what one thread at a time may use, for the next that needs one for the same shape."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

Shape = tuple[int, ...]


class Closable(Protocol):
    """What holds something that it can give back."""

    def close(self) -> None:
        """Give it back."""


T = TypeVar("T", bound=Closable)


class IdlePool(Generic[T]):
    """What is made for a shape, as many as were ever in use at once; for any number of threads.

    make: makes one for a shape, and is called by one thread at a time; kept_shapes: for how many
    shapes idle ones are kept, those used last.
    """

    def __init__(self, make: Callable[[Shape], T], kept_shapes: int) -> None:
        self._make, self._kept_shapes = make, kept_shapes
        self._making, self._lock = threading.Lock(), threading.Lock()
        self._idle: dict[Shape, list[T]] = {}  # the shape used last comes last

    @contextmanager
    def one(self, shape: Shape) -> Iterator[T]:
        """Give an idle one, or a new one where there is none; it is idle again after the block."""
        with self._lock:
            idle = self._idle.get(shape)
            taken = idle.pop() if idle else None
        if taken is None:
            with self._making:
                taken = self._make(shape)
        try:
            yield taken
        finally:
            with self._lock:
                self._idle[shape] = [*self._idle.pop(shape, ()), taken]
            self._drop()

    def close(self) -> None:
        """Close all that are idle, and those in use when they are no longer."""
        self._kept_shapes = 0
        self._drop()

    def _drop(self) -> None:
        """Close the idle ones of the shapes that are not kept."""
        dropped: list[T] = []
        with self._lock:
            while len(self._idle) > self._kept_shapes:
                dropped += self._idle.pop(next(iter(self._idle)))
        for one in dropped:
            one.close()
