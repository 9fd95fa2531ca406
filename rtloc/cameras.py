"""List the cameras and, on Linux, the modes that their drivers offer.

Linux: V4L2's own questions (https://docs.kernel.org/userspace-api/media/v4l/user-func.html), which
a camera answers even while another program has it. Elsewhere names only.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from rtloc.capture import APIS, CAMERA_API
from rtloc.errors import RtlocError

CLASS = Path("/sys/class/video4linux")
# the kernel's numbers of the questions, and how what is asked and answered lies in memory
QUERYCAP, CAPABILITY = 0x80685600, struct.Struct("=16s32s32s3I12x")
ENUM_FMT, FORMAT = 0xC0405602, struct.Struct("=3I32s4sI12x")
ENUM_FRAMESIZES, FRAME_SIZE = 0xC02C564A, struct.Struct("=I4sI6I8x")
ENUM_FRAMEINTERVALS, FRAME_INTERVAL = 0xC034564B, struct.Struct("=I4s3I6I8x")
CAPTURES, OF_THIS_NODE = 0x1, 0x80000000
DISCRETE = 1
Ask = Callable[[int, bytearray], bool]


@dataclass(frozen=True)
class Mode:
    """A size that a camera offers in a format.

    fourcc: of the format, as `--fourcc` takes it; up_to: the size is the greatest of a range;
    rates_fps: greatest first.
    """

    fourcc: str
    width: int
    height: int
    up_to: bool
    rates_fps: tuple[float, ...]


@dataclass(frozen=True)
class Camera:
    """A camera. name: as its driver says; index: for `rtloc webcam`; device: its path, if any."""

    index: int
    name: str
    device: str | None
    modes: tuple[Mode, ...]
    trouble: str | None = None


def cameras() -> list[Camera]:
    """Return the cameras of this machine.

    Raises:
        RtlocError: on this system that needs a package that is not installed.
    """
    return list(v4l2_cameras()) if sys.platform == "linux" else named_cameras()


def v4l2_cameras() -> Iterator[Camera]:
    """Yield what Linux lists, but for the nodes that deliver no pictures."""
    nodes = sorted(CLASS.glob("video*"), key=lambda node: int(node.name[5:]))
    for node in nodes:
        device, name = f"/dev/{node.name}", (node / "name").read_text("utf-8").strip()
        index = int(node.name[5:])
        try:
            with asking(device) as ask:
                if captures(ask):
                    yield Camera(index, name, device, tuple(modes_of(ask)))
        except OSError as error:
            yield Camera(index, name, device, (), f"cannot be asked: {error.strerror}")


@contextmanager
def asking(device: str) -> Iterator[Ask]:
    """Open a device for questions.

    Raises:
        OSError: it cannot be opened.
    """
    from fcntl import ioctl

    node = os.open(device, os.O_RDWR | os.O_NONBLOCK)

    def ask(question: int, about: bytearray) -> bool:
        try:
            ioctl(node, question, about, True)
        except OSError:  # the driver's way to say that there are no more
            return False
        return True

    try:
        yield ask
    finally:
        os.close(node)


def captures(ask: Ask) -> bool:
    """Say whether a device delivers pictures, not only what is about them."""
    about = bytearray(CAPABILITY.size)
    if not ask(QUERYCAP, about):
        return False
    *_, of_all, of_node = CAPABILITY.unpack(about)
    return bool((of_node if of_all & OF_THIS_NODE else of_all) & CAPTURES)


def modes_of(ask: Ask) -> Iterator[Mode]:
    """Yield the modes of a device, format by format, in the driver's order."""
    for fourcc in formats(ask):
        for width, height, is_exact in sizes(ask, fourcc):
            name = fourcc.decode("ascii", "replace").strip()
            rates = sorted(set(rates_fps(ask, fourcc, width, height)), reverse=True)
            yield Mode(name, width, height, not is_exact, tuple(rates))


def formats(ask: Ask) -> Iterator[bytes]:
    """Yield the FOURCCs of a device's formats."""
    for n in count():
        about = bytearray(FORMAT.pack(n, CAPTURES, 0, b"", b"", 0))
        if not ask(ENUM_FMT, about):
            return
        yield FORMAT.unpack(about)[4]


def sizes(ask: Ask, fourcc: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield the sizes of a format, or the greatest one of a range, and whether it is exact."""
    for n in count():
        about = bytearray(FRAME_SIZE.pack(n, fourcc, 0, *[0] * 6))
        if not ask(ENUM_FRAMESIZES, about):
            return
        _, _, kind, first, second, _, _, most_height, _ = FRAME_SIZE.unpack(about)
        if kind == DISCRETE:
            yield first, second, True
        else:
            yield second, most_height, False
            return


def rates_fps(ask: Ask, fourcc: bytes, width: int, height: int) -> Iterator[float]:
    """Yield the frame rates of a size, or the ends of a range."""
    for n in count():
        about = bytearray(FRAME_INTERVAL.pack(n, fourcc, width, height, 0, *[0] * 6))
        if not ask(ENUM_FRAMEINTERVALS, about):
            return
        *_, kind, seconds, per, longest, per_longest, _, _ = FRAME_INTERVAL.unpack(about)
        for numerator, denominator in ((seconds, per), (longest, per_longest)):
            if numerator:
                yield round(denominator / numerator, 3)
            if kind == DISCRETE:
                break
        if kind != DISCRETE:
            return


def named_cameras() -> list[Camera]:
    """Return the cameras that macOS or Windows lists, by name.

    Raises:
        RtlocError: the package that asks the system is not installed.
    """
    try:
        from cv2_enumerate_cameras import enumerate_cameras
    except ImportError as error:
        raise RtlocError(
            "listing cameras needs cv2-enumerate-cameras, which is not installed; "
            "pip install cv2-enumerate-cameras"
        ) from error
    found = enumerate_cameras(APIS[CAMERA_API[sys.platform]])
    # its path there is none that OpenCV opens
    return [Camera(one.index, one.name, None, ()) for one in found]


def by_format(camera: Camera) -> dict[str, list[Mode]]:
    """Gather a camera's modes by their format, the largest size first."""
    found: dict[str, list[Mode]] = {}
    for mode in camera.modes:
        found.setdefault(mode.fourcc, []).append(mode)
    for modes in found.values():
        modes.sort(key=lambda mode: mode.width * mode.height, reverse=True)
    return found
