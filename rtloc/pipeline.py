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

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except StoppedError:
                return
            except BaseException as error:  # handed to the main thread, which raises it
                errors.append(error)
                stop.set()

        return run

    def feed() -> None:
        for item in source:
            put(queues[0], item, stop)
        put(queues[0], End, stop)

    def step(function: Callable[[Any], Any], incoming: Any, outgoing: Any) -> Callable[[], None]:
        def work() -> None:
            for item in items(incoming, stop):
                put(outgoing, function(item), stop)
            put(outgoing, End, stop)

        return work

    jobs = [feed, *(step(f, queues[n], queues[n + 1]) for n, f in enumerate(steps))]
    threads = [threading.Thread(target=guarded(job), daemon=True) for job in jobs]

    def results() -> Iterator[Any]:
        with suppress(StoppedError):
            yield from items(queues[-1], stop)
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
