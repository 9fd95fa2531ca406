"""Tell on a terminal how training goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TextColumn

from train.curves import LOSSES
from train.figures import Figures
from train.trainer import Progress


@contextmanager
def progress_report(steps: int, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a bar with loss, pictures/s and time left on a terminal, else a line per validation."""
    console = Console(stderr=True, quiet=quiet)
    bar = ProgressBar(
        *ProgressBar.get_default_columns(), TextColumn("{task.fields[say]}"), console=console
    )
    with bar if console.is_terminal else nullcontext():
        task = bar.add_task("training", total=steps, say="")

        def report(now: Progress) -> None:
            parts = "  ".join(f"{name} {getattr(now.loss, name).item():.3f}" for name in LOSSES)
            say = f"loss {parts}  {now.pictures_per_s:.0f} pictures/s"
            bar.update(task, completed=now.step, say=say)
            if now.figures is not None:
                console.print(f"step {now.step}: {say}, {summary(now.figures)}", soft_wrap=True)

        yield report


def summary(figures: Figures) -> str:
    """Say in one line how good a model is."""
    return (
        f"mAP@50 {figures.map50:.3f}, mAP@50:95 {figures.map50_95:.3f}, precision "
        f"{figures.precision:.3f} and recall {figures.recall:.3f} at threshold "
        f"{figures.threshold:.2f}"
    )
