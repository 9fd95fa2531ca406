"""A real RTSP server for tests, GStreamer's: a moving ball, 320×240 at 30 frames/s, on loopback.

As a script, `rtsp_server.py PORT` serves until it is killed. It needs the system's own Python with
GStreamer's bindings (Debian: gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base
gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SYSTEM_PYTHON = Path("/usr/bin/python3")
FILM = (
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=30/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 )"
)


@contextmanager
def rtsp_server(port: int = 0) -> Iterator[str | None]:
    """Serve while the block runs; yield the stream's URL, or None where there is no GStreamer."""
    if not SYSTEM_PYTHON.exists():
        yield None
        return
    process = subprocess.Popen(
        [str(SYSTEM_PYTHON), __file__, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip() or None
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve, and say where."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    if any(Gst.ElementFactory.find(name) is None for name in ("x264enc", "rtph264pay")):
        sys.exit("GStreamer has no H.264 encoder here")
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(FILM)
    factory.set_shared(True)
    server.get_mount_points().add_factory("/stream", factory)
    server.attach(None)
    print(f"rtsp://127.0.0.1:{server.get_bound_port()}/stream", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
