"""Open a camera or a stream as an OpenCV capture, as it is asked for."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rtloc.addresses import without_password
from rtloc.errors import RtlocError, UsageError

CAMERA_INDEX = "[0-9]{1,4}"
OPEN_TIMEOUT_MS = 10_000
# FFmpeg's own default is UDP, of which packets get lost, and buffers that cost latency
FFMPEG_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
RTSP_OPTIONS = "rtsp_transport;tcp|fflags;nobuffer|flags;low_delay"
APIS = {
    "v4l2": cv2.CAP_V4L2,
    "avfoundation": cv2.CAP_AVFOUNDATION,
    "dshow": cv2.CAP_DSHOW,
    "msmf": cv2.CAP_MSMF,
    "gstreamer": cv2.CAP_GSTREAMER,
    "ffmpeg": cv2.CAP_FFMPEG,
}
# of each system: what opens a camera fastest and with most of its modes
CAMERA_API = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


@dataclass(frozen=True)
class CameraMode:
    """What a camera is asked for; None: as it likes.

    size_wh: in pixels; fourcc: of its pixels or packets, such as MJPG; exposure: in the camera's
    own unit, which sets it by hand.
    """

    size_wh: tuple[int, int] | None = None
    fps: float | None = None
    fourcc: str | None = None
    exposure: float | None = None


@dataclass(frozen=True)
class Source:
    """A camera or a stream, and how to open it.

    name: a camera's index, its device path, a URL or a GStreamer pipeline; api: a key of APIS, or
    None for the system's own; silent_s: a source that sends nothing for so long is lost; mirrored:
    left and right are swapped, as in a mirror.
    """

    name: str
    mode: CameraMode = CameraMode()
    api: str | None = None
    silent_s: float = 5.0
    mirrored: bool = False

    @property
    def title(self) -> str:
        """The name as it may be shown: without what lets others in; see `rtloc.addresses`."""
        return without_password(self.name)

    @property
    def is_url(self) -> bool:
        """Whether it is a stream."""
        return "://" in self.name and self.api != "gstreamer"

    @property
    def is_camera(self) -> bool:
        """Whether it is a camera by its index or device path."""
        return bool(re.fullmatch(CAMERA_INDEX, self.name)) or self.name.startswith("/dev/")


def open_capture(source: Source) -> cv2.VideoCapture:
    """Open a source, and ask it for its mode.

    Raises:
        UsageError: the source is a file.
        RtlocError: it does not open; the message says why, as far as that can be known.
    """
    # OpenCV and its FFmpeg speak to stderr by themselves; our own one line is enough
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if Path(source.name).is_file():
        raise UsageError(f"{source.name} is a file; use `rtloc video {source.name}`")
    if source.is_url:
        capture = open_stream(source)
    elif source.is_camera:
        capture = open_camera(source)
    else:
        capture = cv2.VideoCapture(source.name, APIS.get(source.api or "", cv2.CAP_ANY))
    if not capture.isOpened():
        capture.release()
        raise RtlocError(why_not_open(source))
    return capture


def open_stream(source: Source) -> cv2.VideoCapture:
    """Open a stream by its URL."""
    limits = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(1e3 * source.silent_s)),
    ]
    if not source.name.startswith("rtsp") or FFMPEG_OPTIONS in os.environ:
        return cv2.VideoCapture(source.name, cv2.CAP_FFMPEG, limits)
    os.environ[FFMPEG_OPTIONS] = RTSP_OPTIONS
    try:
        return cv2.VideoCapture(source.name, cv2.CAP_FFMPEG, limits)
    finally:  # files that are opened later could not be read with them
        os.environ.pop(FFMPEG_OPTIONS, None)


def open_camera(source: Source) -> cv2.VideoCapture:
    """Open a camera by its index or device path, and ask for its mode."""
    name = int(source.name) if source.name.isdigit() else source.name
    api = source.api or CAMERA_API.get(sys.platform, "")
    capture = cv2.VideoCapture(name, APIS.get(api, cv2.CAP_ANY))
    mode = source.mode
    fourcc = cv2.VideoWriter.fourcc(*mode.fourcc) if mode.fourcc else None
    if fourcc is not None:  # first: it decides which sizes and rates there are
        capture.set(cv2.CAP_PROP_FOURCC, fourcc)
    if mode.size_wh:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.size_wh[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.size_wh[1])
    if mode.fps:
        capture.set(cv2.CAP_PROP_FPS, mode.fps)
    if fourcc is not None and api == "dshow":  # where size and rate have put it back
        capture.set(cv2.CAP_PROP_FOURCC, fourcc)
    if mode.exposure is not None:
        manual = 1 if api == "v4l2" else 0.25
        capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, manual)
        capture.set(cv2.CAP_PROP_EXPOSURE, mode.exposure)
    return capture


def why_not_open(source: Source) -> str:
    """Say why a source that did not open may not have, and how to mend it."""
    name = source.name
    if source.is_url:
        return (
            f"the stream {source.title} cannot be opened; check its address and that it is on air"
        )
    if not source.is_camera:
        return f"no camera or stream {source.title!r}; give a camera's index, device path or URL"
    camera = f"camera {name}" if name.isdigit() else name
    device = Path(f"/dev/video{int(name)}") if name.isdigit() else Path(name)
    if sys.platform.startswith("linux") and device.exists():
        if not os.access(device, os.R_OK | os.W_OK):
            return (
                f"{camera} cannot be opened: you may not use {device}; add yourself to its group "
                f"({group_of(device)}) and log in again"
            )
        return f"{camera} cannot be opened; another program may hold it, or it is no camera"
    if sys.platform == "darwin":
        return (
            f"{camera} cannot be opened; allow your terminal to use it (System Settings, Privacy & "
            "Security, Camera), or see `rtloc cameras` for those that are here"
        )
    return f"{camera} cannot be opened; `rtloc cameras` lists those that are here"


def group_of(device: Path) -> str:
    """Return the name of a device's group; its number where it has none, as in a container."""
    try:
        return device.group()
    except KeyError:
        return str(device.stat().st_gid)


def mode_of(capture: cv2.VideoCapture) -> CameraMode:
    """Return the mode in which a camera or stream really is, as far as it tells."""
    width, height = (
        round(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    fourcc = code.to_bytes(4, "little").decode("ascii", "replace") if code > 0 else ""
    fps = capture.get(cv2.CAP_PROP_FPS)
    return CameraMode(
        (width, height) if width > 0 and height > 0 else None,
        fps if 0 < fps < 1000 else None,
        fourcc if fourcc.isprintable() and fourcc.strip() else None,
    )


def difference(asked: CameraMode, real: CameraMode) -> str | None:
    """Say how a camera's mode is not what it was asked for, or return None."""
    parts = []
    if asked.size_wh and real.size_wh and asked.size_wh != real.size_wh:
        parts.append("{}×{} px, not {}×{}".format(*real.size_wh, *asked.size_wh))
    if asked.fps and real.fps and abs(asked.fps - real.fps) > 0.5:
        parts.append(f"{real.fps:g} frames a second, not {asked.fps:g}")
    if asked.fourcc and real.fourcc and asked.fourcc != real.fourcc:
        parts.append(f"{real.fourcc}, not {asked.fourcc}")
    return "; ".join(parts) or None


def as_bgr(image: Any) -> NDArray[np.uint8]:
    """Give a grey picture, as some cameras send, three channels."""
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return np.asarray(image, np.uint8)
