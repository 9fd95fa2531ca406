"""A real window on a virtual screen."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from screen import Screen

ARROWS = ("Left", "Up", "Right")
SHOW_AND_TELL = """
import numpy as np
from rtloc.window import open_window
with open_window("rtloc keys") as window:
    key = 0
    while key != ord("q"):
        window.show(np.zeros((120, 160, 3), np.uint8))
        key = window.key()
        if key != -1:
            print(key, flush=True)
"""


def test_an_arrow_is_no_letter(screen: Screen, tmp_path: Path) -> None:
    told = tmp_path / "keys.txt"
    with told.open("w") as keys:
        process = subprocess.Popen(
            [sys.executable, "-c", SHOW_AND_TELL],
            env=screen.environment(),
            stdout=keys,
            stderr=subprocess.PIPE,
            text=True,
        )
    for _ in range(150):
        for window in screen.windows():
            # OpenCV tells the last of several keys only, so a busy machine may lose some
            screen.xdotool("windowfocus", window, "key", "--delay", "300", *ARROWS, "a")
        if str(ord("a")) in told.read_text().split() or process.poll() is not None:
            break
        time.sleep(0.2)
    screen.press_until_the_end("q", process)
    _, errors = process.communicate(timeout=5)
    assert process.returncode == 0, errors
    assert set(told.read_text().split()) == {str(ord(key)) for key in "aq"}
