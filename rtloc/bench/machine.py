"""Name the machine that measures: what it is, what runs on it, and whether it is quiet."""

from __future__ import annotations

import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from engines.cores import processor_name, usable_cores
from engines.errors import BackendUnavailableError
from engines.gpu import find_gpu

LIBRARIES = (
    *("rtloc", "numpy", "opencv-python", "av", "openvino", "onnxruntime"),
    *("tensorrt", "tensorrt-rtx-cu13-bindings"),
)
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
QUIET_PERCENT = 10.0  # of all cores, by whatever else runs here
LOOKED_FOR_S = 0.5
TICKS = 1000


def machine() -> dict[str, Any]:
    """Return what the machine is; text and numbers, ready for JSON. Looks at its load for 0.5 s.

    busy_percent: of all cores just now, before anything is measured; clock_tick_us: the shortest
    time that two readings of the clock can tell apart.
    """
    load = psutil.getloadavg()[0]
    return {
        "cpu": processor_name(),
        "cores": usable_cores(),
        "physical_cores": psutil.cpu_count(logical=False),
        "governor": GOVERNOR.read_text("ascii").strip() if GOVERNOR.exists() else None,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpu": gpu(),
        "system": system(),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := installed(name)) is not None},
        "load_average": round(load, 2),
        "busy_percent": psutil.cpu_percent(LOOKED_FOR_S),
        "clock": time.get_clock_info("perf_counter").implementation,
        "clock_tick_us": clock_tick_us(),
    }


def lines(about: dict[str, Any]) -> list[str]:
    """Write what `machine` found for people, in three lines."""
    cores = f"{about['cores']} cores"
    if about["physical_cores"] and about["physical_cores"] != about["cores"]:
        cores += f" ({about['physical_cores']} physical)"
    governor = f", governor {about['governor']}" if about["governor"] else ""
    libraries = ", ".join(f"{name} {found}" for name, found in about["libraries"].items())
    return [
        f"{about['cpu']}, {cores}{governor}, {about['memory_gib']} GiB; {about['gpu']}; "
        f"{about['system']}",
        f"Python {about['python']}, {libraries}",
        f"load average {about['load_average']}, {about['busy_percent']:.0f} % busy at the start; "
        f"clock {about['clock']}, ticks of {about['clock_tick_us']:.2f} µs",
    ]


def busy_warning(about: dict[str, Any]) -> str | None:
    """Return a warning where something else keeps the machine busy, or None."""
    if about["busy_percent"] <= QUIET_PERCENT:
        return None
    return (
        f"this machine is busy ({about['busy_percent']:.0f} % of its cores before it began); "
        "times will be longer than they should; measure on a quiet machine"
    )


def gpu() -> str:
    """Describe the GPU, or say that there is none that CUDA can use."""
    try:
        found = find_gpu()
    except BackendUnavailableError:
        return "no NVIDIA GPU"
    return f"{found.name}, {found.memory_mib} MiB, driver for CUDA {found.driver_cuda}"


def installed(library: str) -> str | None:
    """Return the version of a library, or None where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def system() -> str:
    """Return the operating system and the architecture."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = f"{platform.system()} {platform.release()}"
    return f"{name} {platform.machine()}"


def clock_tick_us() -> float:
    """Measure the shortest time that the clock can tell, in microseconds."""
    ticks = []
    for _ in range(TICKS):
        first_s = now_s = time.perf_counter()
        while now_s == first_s:
            now_s = time.perf_counter()
        ticks.append(now_s - first_s)
    return 1e6 * min(ticks)


def peak_memory_mib() -> float:
    """Return the most memory that this process has held at once."""
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset / 2**20)
    import resource

    units_per_mib = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units_per_mib


def threads() -> int:
    """Return how many threads this process has now."""
    return int(psutil.Process().num_threads())
