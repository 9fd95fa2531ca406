"""Make a longer video of a short one: its packets several times over, nothing encoded again."""

from pathlib import Path
from typing import Any

import av


def repeat_clip(clip: Path, target: Path, times: int) -> int:
    """Write `clip`, an MP4, `times` times in a row to `target`; return how many frames that makes.

    Each time begins one length of the video stream after the one before. A packet of sound that
    would begin before the one before it is left out.
    """
    frames = 0
    streams: dict[int, Any] = {}
    last_dts: dict[int, int] = {}
    with av.open(str(target), "w") as output:
        for n in range(times):
            with av.open(str(clip)) as source:
                if not streams:
                    for stream in source.streams.video[:1] + source.streams.audio[:1]:
                        streams[stream.index] = output.add_stream_from_template(stream)
                length_s = duration_s(source.streams.video[0])
                for packet in source.demux():
                    index = packet.stream.index
                    if index not in streams or packet.dts is None or packet.pts is None:
                        continue
                    frames += packet.stream.type == "video"
                    shift = round(n * length_s / packet.time_base)
                    packet.pts += shift
                    packet.dts += shift
                    if packet.dts <= last_dts.get(index, packet.dts - 1):
                        continue
                    last_dts[index] = packet.dts
                    packet.stream = streams[index]
                    output.mux(packet)
    return frames


def duration_s(stream: Any) -> Any:
    """Return the exact length of a stream as a fraction of seconds."""
    return stream.duration * stream.time_base
