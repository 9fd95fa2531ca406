"""Listing cameras: the questions are the kernel's own, and answers are read as it lays them out."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from rtloc import cameras
from rtloc.cameras import Camera, Mode, captures, modes_of
from rtloc.commands.cameras import lines

HEADER = Path("/usr/include/linux/videodev2.h")
PAIRS = {
    "VIDIOC_QUERYCAP": ("v4l2_capability", cameras.QUERYCAP, cameras.CAPABILITY),
    "VIDIOC_ENUM_FMT": ("v4l2_fmtdesc", cameras.ENUM_FMT, cameras.FORMAT),
    "VIDIOC_ENUM_FRAMESIZES": ("v4l2_frmsizeenum", cameras.ENUM_FRAMESIZES, cameras.FRAME_SIZE),
    "VIDIOC_ENUM_FRAMEINTERVALS": (
        "v4l2_frmivalenum",
        cameras.ENUM_FRAMEINTERVALS,
        cameras.FRAME_INTERVAL,
    ),
}


@pytest.mark.parametrize("question", PAIRS)
def test_a_question_has_the_size_that_its_number_says(question: str) -> None:
    _, number, layout = PAIRS[question]
    assert number >> 16 & 0x3FFF == layout.size


@pytest.mark.skipif(not HEADER.exists() or not shutil.which("cc"), reason="no C compiler here")
def test_numbers_and_sizes_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    prints = "".join(
        f'printf("%lu %zu\\n", (unsigned long){name}, sizeof(struct {kind}));'
        for name, (kind, _, _) in PAIRS.items()
    )
    code = f"#include <stdio.h>\n#include <{HEADER}>\nint main(void) {{ {prints} return 0; }}"
    (tmp_path / "sizes.c").write_text(code, "utf-8")
    program = tmp_path / "sizes"
    subprocess.run(["cc", "-o", program, tmp_path / "sizes.c"], check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    for line, (_, number, layout) in zip(said.splitlines(), PAIRS.values(), strict=True):
        assert line == f"{number} {layout.size}"


class Driver:
    """Answers as a driver does: a camera with two sizes in MJPG, and any size in YUYV."""

    def __init__(self, of_node: int) -> None:
        self.of_node = of_node

    def __call__(self, question: int, about: bytearray) -> bool:
        index = struct.unpack_from("=I", about)[0]
        if question == cameras.QUERYCAP:
            struct.pack_into("=II", about, 84, 0x84A00001, self.of_node)
        elif question == cameras.ENUM_FMT and index < 2:
            struct.pack_into("=4s", about, 44, (b"MJPG", b"YUYV")[index])
        elif question == cameras.ENUM_FRAMESIZES and about[4:8] == b"MJPG" and index < 2:
            struct.pack_into("=III", about, 8, 1, *((640, 480), (1920, 1080))[index])
        elif question == cameras.ENUM_FRAMESIZES and about[4:8] == b"YUYV" and index == 0:
            struct.pack_into("=7I", about, 8, 3, 32, 1280, 8, 32, 720, 8)
        elif question == cameras.ENUM_FRAMEINTERVALS and about[4:8] == b"MJPG" and index < 2:
            struct.pack_into("=3I", about, 16, 1, *((1, 30), (1001, 60000))[index])
        elif question == cameras.ENUM_FRAMEINTERVALS and about[4:8] == b"YUYV" and index == 0:
            struct.pack_into("=7I", about, 16, 2, 1, 60, 1, 5, 1, 1)
        else:
            return False
        return True


def test_modes_are_read_as_the_kernel_lays_them_out() -> None:
    camera = Driver(of_node=0x04200001)
    assert captures(camera)
    assert not captures(Driver(of_node=0x04A00000))  # the node of the same camera for metadata
    modes = tuple(modes_of(camera))
    assert modes == (
        Mode("MJPG", 640, 480, False, (59.94, 30)),
        Mode("MJPG", 1920, 1080, False, (59.94, 30)),
        Mode("YUYV", 1280, 720, True, (60, 5)),
    )
    assert list(lines(Camera(2, "Nidoran♀ Cam", "/dev/video2", modes))) == [
        "2: Nidoran♀ Cam (/dev/video2)",
        "   MJPG 1920x1080 (59.94, 30 FPS), 640x480 (59.94, 30 FPS)",
        "   YUYV up to 1280x720 (60, 5 FPS)",
    ]


def test_a_camera_that_cannot_be_asked_says_why() -> None:
    (line,) = lines(Camera(0, "Cam", "/dev/video0", (), "cannot be asked: Permission denied"))
    assert line == "0: Cam (/dev/video0); cannot be asked: Permission denied"


def test_the_command_lists_what_is_here(rtloc) -> None:
    done = rtloc("cameras", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    said = rtloc("cameras").stdout
    assert all(camera["name"] in said for camera in found)
    if not found:
        assert re.match("no camera here; plug one in", said)
    if sys.platform == "linux":
        assert len(found) <= len(list(cameras.CLASS.glob("video*")))
