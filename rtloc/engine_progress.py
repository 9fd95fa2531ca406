"""Show how far TensorRT is with an engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, TaskID

from rtloc.localizer import Report


@contextmanager
def engine_progress(why: str | None = None) -> Iterator[Report]:
    """Show on a terminal how far TensorRT is, a bar for each of its phases.

    why: is said when it begins, if it does, also where there is no terminal.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(phase: str, done: int, steps: int) -> None:
            if why is not None and not tasks:
                console.print(why, soft_wrap=True)
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=steps)
            bars.update(tasks[phase], completed=done)

        yield report
