"""Carry the sound of a video file over into the annotated one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

# what an MP4 can hold and browsers play; the packets are copied as they are, all else becomes AAC
COPIED_CODECS = {"aac", "flac", "mp3", "opus"}


class SoundTrack:
    """The first sound stream of a file, written into an open output bit by bit.

    It reads the file on its own, so that sound never waits in memory for pictures.
    """

    def __init__(self, path: Path, output: Any, zero_s: float, cut: bool) -> None:
        """Add a sound stream to `output`, whose time 0 is `zero_s` of the file's clock.

        cut: leave out what sounds before that.
        """
        self._input: Any = av.open(str(path))
        self._source: Any = self._input.streams.audio[0]
        self._output = output
        assert self._source.time_base is not None
        self._shift = round(zero_s / self._source.time_base)
        self._earliest = self._shift if cut else -math.inf
        self._pending: Any = None
        if self._source.codec_context.codec.canonical_name in COPIED_CODECS:
            self._target = output.add_stream_from_template(self._source)
            self._packets = self._copied()
        else:
            self._target = output.add_stream("aac", rate=self._source.rate)
            self._packets = self._encoded()

    def write_until(self, time_s: float) -> None:
        """Write the packets that begin before `time_s`, in seconds of the output."""
        while True:
            packet = self._pending or next(self._packets, None)
            self._pending = packet
            if packet is None or float(packet.pts * packet.time_base) >= time_s:
                return
            self._output.mux(packet)
            self._pending = None

    def _copied(self) -> Iterator[Any]:
        """Yield the packets as they are, moved in time."""
        for packet in self._demuxed():
            if packet.pts is None or packet.dts is None or packet.pts < self._earliest:
                continue
            packet.pts -= self._shift
            packet.dts -= self._shift
            packet.stream = self._target
            yield packet

    def _encoded(self) -> Iterator[Any]:
        """Yield AAC packets of the decoded sound, moved in time."""
        resampler = av.AudioResampler(format="fltp", rate=self._source.rate)
        for packet in self._demuxed():
            for sound in self._decoded(packet):
                if sound.pts is None or sound.pts < self._earliest:
                    continue
                sound.pts -= self._shift
                for part in resampler.resample(sound):
                    yield from self._target.encode(part)
        yield from self._target.encode(None)

    def _decoded(self, packet: Any) -> list[Any]:
        """Decode a packet; a damaged one is silence."""
        try:
            return list(packet.decode())
        except FFmpegError:
            return []

    def _demuxed(self) -> Iterator[Any]:
        """Yield the source's packets as far as they can be read."""
        packets = self._input.demux(self._source)
        while True:
            try:
                packet = next(packets, None)
            except FFmpegError:
                return
            if packet is None:
                return
            yield packet

    def close(self) -> None:
        """Close the file that the sound is read from."""
        self._input.close()


def open_sound(path: Path, output: Any, zero_s: float, cut: bool) -> SoundTrack | None:
    """Open the sound of a file for `output`, or return None if it has none that can be decoded."""
    with av.open(str(path)) as container:
        streams = container.streams.audio
        if not streams or streams[0].codec_context is None or not streams[0].rate:
            return None
    return SoundTrack(path, output, zero_s, cut)
