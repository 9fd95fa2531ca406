"""The sink that tells others when something comes into view: a command, or a web address."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from http.client import HTTPException
from typing import Any

from rtloc.addresses import site_of
from rtloc.detections import Detections
from rtloc.frame import Frame
from rtloc.live_stats import LiveStats

Event = dict[str, Any]
Tell = Callable[[Event], None]
WAITING_EVENTS = 20
COMMAND_TIMEOUT_S = 30.0
WEBHOOK_TIMEOUT_S = 5.0
LOG = logging.getLogger(__name__)


class EventSink:
    """Tells each time that a label comes into view, once.

    It has come when it was found in `sure_frames` frames; each without it takes one of them back,
    so that what is seen falsely now and then is not told. It has gone when it was not seen for
    `gone_s` seconds by the source's clock; before that it does not come again. Telling happens in a
    thread of its own, one event after the other: whoever is slow or dead never stops the view.
    Events that wait for too long are dropped, with a warning.
    """

    def __init__(
        self,
        source: str,
        labels: Sequence[str],
        tell: Sequence[Tell],
        gone_s: float,
        sure_frames: int = 1,
    ) -> None:
        self._source = source
        self._labels = labels
        self._tell = tell
        self._gone_s = gone_s
        self._sure_frames = sure_frames
        self._seen_s: dict[int, float] = {}  # of those that have come
        self._coming: dict[int, int] = {}  # frames, of the others
        self._events: queue.Queue[Event | None] = queue.Queue(WAITING_EVENTS)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def write(self, frame: Frame, detections: Detections, stats: LiveStats) -> None:
        """Tell what has come into view with this frame."""
        found = dict.fromkeys(detections.class_ids.tolist())
        for class_id in [*found, *(self._coming.keys() - found.keys())]:
            if not self._has_come(class_id, class_id in found, frame.time_s):
                continue
            try:
                self._events.put_nowait(self._event(class_id, frame, detections))
            except queue.Full:
                LOG.warning("an event of %s is left out: too many wait", self._labels[class_id])

    def _has_come(self, class_id: int, is_found: bool, time_s: float) -> bool:
        """Count a frame with or without a label, and say whether it has come into view just now."""
        last_s = self._seen_s.get(class_id)
        if last_s is None or time_s - last_s >= self._gone_s:
            frames = self._coming.pop(class_id, 0) + (1 if is_found else -1)
            if frames >= self._sure_frames:
                self._seen_s[class_id] = time_s
                return True
            if frames > 0:
                self._coming[class_id] = frames
            return False
        if is_found:
            self._seen_s[class_id] = time_s
        return False

    def _event(self, class_id: int, frame: Frame, detections: Detections) -> Event:
        """Say what came, when and where; boxes in pixels of the frame."""
        mine = detections[detections.class_ids == class_id]
        return {
            "label": self._labels[class_id],
            "score": round(float(mine.scores[0]), 4),
            "boxes": [[round(v, 1) for v in box] for box in mine.boxes.tolist()],
            "frame": [frame.image.shape[1], frame.image.shape[0]],
            "index": frame.index,
            "source": self._source,
            "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        }

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            for tell in self._tell:
                try:
                    tell(event)
                except Exception as error:  # the others are told nevertheless, and what comes next
                    LOG.warning("an event is not told: %s: %s", type(error).__name__, error)

    def close(self) -> None:
        """Let what is being told end, for a while; what still waits is told no more."""
        with suppress(queue.Empty):
            while True:
                self._events.get_nowait()
        self._events.put(None)
        self._thread.join(WEBHOOK_TIMEOUT_S)


def command_teller(command: str) -> Tell:
    """Run a shell command at each event.

    It gets the event as JSON on its standard input, and RTLOC_LABEL, RTLOC_SCORE and RTLOC_SOURCE
    in its environment. A command that runs longer than 30 s is killed, with all that it started.
    """

    def tell(event: Event) -> None:
        about = {f"RTLOC_{name.upper()}": str(event[name]) for name in ("label", "score", "source")}
        process = subprocess.Popen(
            command,
            shell=True,  # the user's own command line; what was found goes in by other ways
            stdin=subprocess.PIPE,
            env={**os.environ, **about},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # so on Windows
        )
        try:
            process.communicate(json.dumps(event, ensure_ascii=False).encode(), COMMAND_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            kill_group(process)
            LOG.warning("killed after %g s: %s", COMMAND_TIMEOUT_S, command)
        else:
            if process.returncode:
                LOG.warning("ended with exit code %d: %s", process.returncode, command)

    return tell


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started."""
    if sys.platform == "win32":  # the shell alone would be killed
        import psutil

        with suppress(psutil.NoSuchProcess):
            for one in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirection as the answer: to follow it would be a GET, without the event."""

    def redirect_request(self, *about: Any) -> None:
        """Follow none."""


def webhook_teller(url: str) -> Tell:
    """POST each event as JSON to an http or https address, and read the head of its answer only.

    An address that sends nothing for 5 s does not answer. One that redirects has refused.
    """
    site = site_of(url)
    web = urllib.request.build_opener(NoRedirect)

    def tell(event: Event) -> None:
        body = json.dumps(event, ensure_ascii=False).encode()
        request = urllib.request.Request(
            url, body, {"Content-Type": "application/json; charset=utf-8"}
        )
        try:
            with web.open(request, timeout=WEBHOOK_TIMEOUT_S):
                pass
        except urllib.error.HTTPError as error:
            LOG.warning("%s answered %d %s", site, error.code, error.reason)
        except OSError as error:
            LOG.warning("%s does not answer: %s", site, getattr(error, "reason", error))
        except (HTTPException, ValueError) as error:  # whose text may have the address in it
            LOG.warning("%s does not answer as the web does: %s", site, type(error).__name__)

    return tell
