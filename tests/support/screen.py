"""Look at a virtual screen, find a window on it, and press keys."""

from __future__ import annotations

import os
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COLOUR_BYTES = 12


@dataclass(frozen=True)
class Screen:
    """A virtual screen: its name, and the file (of X's window dump format) that Xvfb keeps it in.

    https://gitlab.freedesktop.org/xorg/proto/xorgproto/-/blob/master/include/X11/XWDFile.h
    """

    display: str
    dump: Path

    def environment(self) -> dict[str, str]:
        """The environment of a program that opens its windows on this screen."""
        return {**os.environ, "DISPLAY": self.display}

    def picture(self) -> np.ndarray:
        """What is on the screen now, as uint8 [H, W, 3] BGR."""
        data = np.frombuffer(self.dump.read_bytes(), np.uint8)
        head = struct.unpack(">25I", data[:100].tobytes())
        head_bytes, height, line_bytes, colours = head[0], head[5], head[12], head[19]
        first = head_bytes + colours * COLOUR_BYTES
        pixels = data[first : first + height * line_bytes].reshape(height, line_bytes // 4, 4)
        return pixels[:, :, :3]

    def windows(self) -> list[str]:
        """The windows that rtloc opened."""
        return self.xdotool("search", "--name", "rtloc").split()

    def window_picture(self) -> np.ndarray | None:
        """What is in rtloc's window, as uint8 [H, W, 3] BGR; None while there is none."""
        for window in self.windows():
            lines = self.xdotool("getwindowgeometry", "--shell", window).split()
            place = dict(line.split("=") for line in lines)
            if place:
                x, y = int(place["X"]), int(place["Y"])
                bottom, right = y + int(place["HEIGHT"]), x + int(place["WIDTH"])
                return self.picture()[y:bottom, x:right]
        return None

    def show_again(self) -> None:
        """Unmap and map rtloc's windows.

        Where no window manager runs, Qt 5 on a busy machine now and then misses that its window is
        on the screen, and never paints it.
        """
        for window in self.windows():
            self.xdotool("windowunmap", "--sync", window, "windowmap", "--sync", window)

    def press_until_the_end(self, key: str, process: subprocess.Popen[str]) -> None:
        """Press a key in rtloc's window, again and again until the process ends."""
        for _ in range(150):
            self.press(key)
            time.sleep(0.2)
            if process.poll() is not None:
                return
        raise AssertionError(f"{key} did not end the run")

    def press(self, key: str) -> None:
        """Press a key in rtloc's window once; without a window manager it may get lost."""
        for window in self.windows():
            self.xdotool("windowfocus", window, "key", key)

    def xdotool(self, *arguments: str) -> str:
        """Run xdotool on this screen; a window that has just gone is no error."""
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout
