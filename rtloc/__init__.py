"""Find chosen objects in live video: `Localizer().locate(image) -> Detections`.

The names below are loaded on first use, so that `import rtloc` and `rtloc --help` pay for neither
OpenCV nor an inference runtime.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtloc.detections import Detections
    from rtloc.errors import RtlocError
    from rtloc.frame import Frame
    from rtloc.localizer import Localizer

__version__ = "0.1.0"
__all__ = ["Detections", "Frame", "Localizer", "RtlocError", "__version__"]

_HOMES = {
    "Detections": "rtloc.detections",
    "Frame": "rtloc.frame",
    "Localizer": "rtloc.localizer",
    "RtlocError": "rtloc.errors",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rtloc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
