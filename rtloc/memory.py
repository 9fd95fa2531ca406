"""Keep the memory of past frames for the next ones."""

import ctypes
import sys

# https://man7.org/linux/man-pages/man3/mallopt.3.html
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT_BYTES = 32 << 20  # glibc's own limit; a frame of 4K in BGR is 24 MiB
KEPT_BYTES = 256 << 20


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees.

    glibc gives the memory of a freed frame back to the system, which clears it page by page for
    the next one: hundreds of page faults a frame. Other C libraries have no such setting and stay
    as they are.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
