"""What the tests share: the command line as a user calls it, and small real videos."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import LABELS
from hypothesis import settings
from screen import Screen

from train.cutouts import load_cutouts
from train.paste import blend, transform_cutout

ROOT = Path(__file__).parent.parent
Cli = Callable[..., subprocess.CompletedProcess[str]]

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("untimed")


@pytest.fixture
def rtloc(tmp_path: Path) -> Cli:
    """Run `rtloc ARGUMENTS...` in an empty folder."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rtloc", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def fails(rtloc: Cli) -> Callable[..., str]:
    """Run a command line that must fail with an exit code; return its one line of error."""

    def run(exit_code: int, *arguments: object, **environment: str) -> str:
        done = rtloc(*arguments, **environment)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == exit_code, done.stderr
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("rtloc: error: ")
        return lines[0]

    return run


@pytest.fixture(scope="session")
def scene() -> np.ndarray:
    """A 720p picture with the three starters side by side, as uint8 [720, 1280, 3] BGR."""
    photo = ROOT / "train/assets/photos_held_out/building.jpg"
    image = cv2.resize(cv2.imread(str(photo)), (1280, 720))
    labels, cutouts = load_cutouts(ROOT / "train/assets/cutouts")
    for place, label in enumerate(LABELS):
        class_id = labels.index(label)
        finest = max(
            (c for c in cutouts if c.class_id == class_id), key=lambda c: c.levels[0].shape[0]
        )
        layer = transform_cutout(finest, np.eye(2), 300)
        assert layer is not None
        blend(image, layer.pixels, 80 + 420 * place, 250)
    return image


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    """A virtual screen of its own."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.skip("Xvfb is not installed (Debian: apt-get install xvfb xdotool)")
    folder = tmp_path_factory.mktemp("screen")
    reads, writes = os.pipe()
    # a server that resets when its last client goes refuses the next one that comes meanwhile
    options = ["-displayfd", str(writes), "-fbdir", str(folder), "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(
        [xvfb, *options, "-screen", "0", "1400x900x24"],
        pass_fds=[writes],
        stderr=subprocess.DEVNULL,
    )
    os.close(writes)
    with os.fdopen(reads) as pipe:
        number = pipe.readline().strip()
    yield Screen(f":{number}", folder / "Xvfb_screen0")
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def display(screen: Screen) -> str:
    """The name of a virtual screen."""
    return screen.display
