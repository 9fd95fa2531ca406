"""A window that shows frames; q or Esc in it, or closing it, ends the run."""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.errors import RtlocError

ESCAPE = 27
NO_KEY = -1
QUIT_KEYS = {ord("q"), ord("Q"), ESCAPE}
WINDOW_STYLE = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
X_PORT = 6000


class Window:
    """An open window. Use `open_window`, and only from the main thread, as macOS demands."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._sized = False
        self._pressed: deque[int] = deque()

    def show(self, image: NDArray[np.uint8]) -> None:
        """Show a frame, uint8 [H, W, 3] BGR; keys that come meanwhile are kept for `key`."""
        if not self._sized:
            cv2.resizeWindow(self._title, image.shape[1], image.shape[0])
            self._sized = True
        cv2.imshow(self._title, image)
        key = self._live()  # until then nothing is painted
        if key != NO_KEY:
            self._pressed.append(key)

    def goes_on(self) -> bool:
        """Return False when its user, while frames were shown, wanted to end."""
        pressed, self._pressed = self._pressed, deque()
        return QUIT_KEYS.isdisjoint(pressed)

    def key(self) -> int:
        """Let the window live for a moment; return the key that was pressed, NO_KEY for none.

        Only keys of ASCII count; closing the window counts as Esc.
        """
        return self._pressed.popleft() if self._pressed else self._live()

    def _live(self) -> int:
        # waitKey cuts X's code of an arrow, 0xff51, down to a Q; on Windows it sleeps for 16 ms
        key = cv2.pollKey() if sys.platform == "win32" else cv2.waitKeyEx(1)
        visible = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        if not visible and sys.platform != "darwin":  # there it is so when it is minimised
            return ESCAPE
        if key < 0:
            return NO_KEY
        code = key & 0xFFFF  # above these bits GTK tells of Num Lock and so on
        return code if code < 128 else NO_KEY


@contextmanager
def open_window(title: str) -> Iterator[Window]:
    """Open a window.

    Raises:
        RtlocError: there is no screen, or this OpenCV was built without windows.
    """
    check_display()
    # Qt complains of the fonts that OpenCV's wheel leaves out; the frames' text needs none of them
    os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
    try:
        cv2.namedWindow(title, WINDOW_STYLE)
    except cv2.error as error:
        raise RtlocError(
            "this OpenCV cannot open windows; pip uninstall opencv-python-headless and "
            "pip install --force-reinstall opencv-python"
        ) from error
    try:
        yield Window(title)
    finally:
        with suppress(cv2.error):  # its user may have closed it
            cv2.destroyWindow(title)


def check_display(instead: str = "run without one") -> None:
    """Make sure that an X server answers, where windows need one; `instead`: what to do without.

    OpenCV's windows on Linux are Qt's, and Qt ends the whole process when it finds no display.

    Raises:
        RtlocError: none does.
    """
    if not sys.platform.startswith("linux"):
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise RtlocError(f"no display for a window (DISPLAY is not set); {instead}, or use SSH -X")
    host, _, screen = display.rpartition(":")
    number = screen.split(".")[0]
    if not number.isdigit():
        raise RtlocError(f"DISPLAY is {display!r}, which names no display; set it to :0 or so")
    try:
        connect(host, int(number))
    except OSError as error:
        raise RtlocError(
            f"no display answers at {display!r} ({error.strerror or error})"
        ) from error


def connect(host: str, number: int) -> None:
    """Connect to an X server once; raise OSError where none answers."""
    local = Path(f"/tmp/.X11-unix/X{number}")
    if host in {"", "unix"} and hasattr(socket, "AF_UNIX"):
        with socket.socket(socket.AF_UNIX) as one:
            for address in (f"\0{local}", str(local)):
                with suppress(OSError):
                    one.connect(address)
                    return
            one.connect(str(local))
    else:
        socket.create_connection((host or "localhost", X_PORT + number), timeout=3).close()
