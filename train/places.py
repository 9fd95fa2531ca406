"""Where a run's pictures lie, as its checkpoint keeps it: to be found again from anywhere."""

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
OURS = "rtloc:"  # begins the name of what comes with rtloc, wherever that is installed


def name_of(path: Path) -> str:
    """Return what to keep of a path: all of it, or where it lies among what comes with rtloc."""
    whole = path.absolute()
    if not whole.is_relative_to(ASSETS):
        return str(whole)
    return f"{OURS}{whole.relative_to(ASSETS).as_posix()}"


def path_of(name: str) -> Path:
    """Return the path of which `name_of` made this name."""
    return ASSETS / name.removeprefix(OURS) if name.startswith(OURS) else Path(name)
