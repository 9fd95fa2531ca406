"""Freed memory is kept: the next frame costs no page faults."""

import platform
import subprocess
import sys

import pytest

FRAMES = """
import resource
import sys

import numpy as np

from rtloc.memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(20):
    frames = [np.ones((24 << 20,), np.uint8) for _ in range(3)]
    del frames
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FRAMES, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_freed_frames_are_used_again() -> None:
    assert page_faults("keep") < page_faults("leave") / 3
