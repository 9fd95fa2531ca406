"""Run steps one after the other, each in its own thread, with bounded queues between them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

QUEUE_FRAMES = 4
POLL_S = 0.1


class StoppedError(Exception):
    """The run is ending; a thread must not wait any longer."""


class End:
    """Stands in a queue for the end of the stream."""


@contextmanager
def pipeline(
    source: Iterable[Any], *steps: Callable[[Any], Any], room: int = QUEUE_FRAMES
) -> Iterator[Iterator[Any]]:
    """Run `source` and each of `steps` in a thread of its own; yield the results' iterator.

    Every item passes every step, in order; `room` of them may wait before each. An error in any
    thread ends the run and is raised from the iterator. When the block ends, early or not, all
    threads have ended too.
    """
    stop = threading.Event()
    errors: list[BaseException] = []
    queues: list[queue.Queue[Any]] = [queue.Queue(room) for _ in range(len(steps) + 1)]
    waiting = [items(one, stop) for one in queues]
    passed = (through(step, some) for step, some in zip(steps, waiting[:-1], strict=True))
    threads = [
        threading.Thread(target=pour, args=(some, target, stop, errors), daemon=True)
        for some, target in zip([source, *passed], queues, strict=True)
    ]

    def results() -> Iterator[Any]:
        with suppress(StoppedError):
            yield from waiting[-1]
        if errors:
            raise errors[0]

    for thread in threads:
        thread.start()
    try:
        yield results()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def through(step: Callable[[Any], Any], incoming: Iterable[Any]) -> Iterator[Any]:
    """Yield what a step makes of each item."""
    for item in incoming:
        yield step(item)


def pour(
    made: Iterable[Any],
    target: queue.Queue[Any],
    stop: threading.Event,
    errors: list[BaseException],
) -> None:
    """Put all items into a queue, then the end; an error is added to `errors` and ends the run."""
    try:
        for item in made:
            put(target, item, stop)
        put(target, End, stop)
    except StoppedError:
        return
    except BaseException as error:  # handed to the main thread, which raises it
        errors.append(error)
        stop.set()


def put(target: queue.Queue[Any], item: Any, stop: threading.Event) -> None:
    """Put an item, waiting for room; raise StoppedError where the run ends meanwhile."""
    while not stop.is_set():
        try:
            target.put(item, timeout=POLL_S)
        except queue.Full:
            continue
        return
    raise StoppedError


def items(incoming: queue.Queue[Any], stop: threading.Event) -> Iterator[Any]:
    """Yield items up to the end of the stream; raise StoppedError where the run ends before it."""
    while not stop.is_set():
        try:
            item = incoming.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if item is End:
            return
        yield item
    raise StoppedError
