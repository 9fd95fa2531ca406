"""Keep the memory of past frames, or training steps, for the next ones."""

import ctypes
import sys

# https://man7.org/linux/man-pages/man3/mallopt.3.html
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT_BYTES = 32 << 20  # glibc's own limit; a frame of 4K in BGR is 24 MiB
KEPT_BYTES = 256 << 20
ALL_BYTES = -1  # gives nothing back


def keep_freed_memory(kept_bytes: int = KEPT_BYTES) -> None:
    """Let this process, and those that it forks, keep so much of the memory that it frees.

    glibc gives the memory of a freed frame back to the system, which clears it page by page for
    the next one: hundreds of page faults a frame, thousands a training step. Other C libraries have
    no such setting and stay as they are.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, kept_bytes)
