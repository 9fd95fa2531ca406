"""Freed memory is kept: the next frame costs no page faults."""

import platform
import subprocess
import sys

import pytest

FRAMES = """
import resource
import sys

import numpy as np

from rtloc.memory import ALL_BYTES, KEPT_BYTES, keep_freed_memory

how, count = sys.argv[1:]
if how != "leave":
    keep_freed_memory({"keep": KEPT_BYTES, "keep all": ALL_BYTES}[how])
for _ in range(20):
    frames = [np.ones((24 << 20,), np.uint8) for _ in range(int(count))]
    del frames
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(how: str, frames: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FRAMES, how, str(frames)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")


@needs_glibc
def test_freed_frames_are_used_again() -> None:
    assert page_faults("keep", 3) < page_faults("leave", 3) / 3


@needs_glibc
def test_training_may_keep_more_than_a_video() -> None:
    assert page_faults("keep all", 16) < page_faults("keep", 16) / 3
