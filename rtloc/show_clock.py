"""When a decoded picture is shown, also where the container keeps decoding times only."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ShowClock:
    """Tells the time of each picture that comes out of a decoder.

    keeps_show_times: the packets' `pts` can be trusted. An AVI has the decoding order's times only,
    from which FFmpeg guesses wrong ones; but pictures leave a decoder in the order of showing, so
    the n-th has the n-th smallest of these times.
    """

    keeps_show_times: bool
    _waiting: list[int] = field(default_factory=list)

    def sent(self, packet: Any) -> None:
        """Note a packet that goes into the decoder."""
        if not self.keeps_show_times and packet.dts is not None:
            heapq.heappush(self._waiting, packet.dts)

    def forget(self, packet: Any) -> None:
        """Strike a packet out again that gave no picture."""
        if packet.dts in self._waiting:
            self._waiting.remove(packet.dts)
            heapq.heapify(self._waiting)

    def show_ticks(self, picture: Any) -> int | None:
        """Return when a picture is shown, in ticks of its stream; None where nothing tells."""
        if self.keeps_show_times:
            ticks: int | None = picture.pts
            return ticks
        return heapq.heappop(self._waiting) if self._waiting else None
