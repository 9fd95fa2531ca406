"""Carry the sound of a video file over into the annotated one."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from rtloc.video_file import open_input

# what an MP4 can hold and browsers play; the packets are copied as they are, all else becomes AAC
COPIED_CODECS = {"aac", "flac", "mp3", "opus"}
LOWEST_MP3_HZ = 16_000  # that an MP4 may hold
AAC_LAYOUTS = {"mono", "stereo", "3.0", "4.0", "5.0", "5.1"}  # that players know by number
SURROUND_CHANNELS = 6
LOG = logging.getLogger(__name__)


class SoundTrack:
    """The first sound stream of a file, written into an open output bit by bit.

    It reads the file on its own, so that sound never waits in memory for pictures.
    """

    def __init__(self, path: Path, output: Any, zero_s: float, cut: bool) -> None:
        """Add a sound stream to `output`, whose time 0 is `zero_s` of the file's clock.

        cut: leave out what sounds before that.
        """
        self._input: Any = open_input(path)
        self._source: Any = self._input.streams.audio[0]
        self._output = output
        assert self._source.time_base is not None
        self._shift = round(zero_s / self._source.time_base)
        self._earliest = self._shift if cut else -math.inf
        self._path = path
        self._pending: Any = None
        if can_be_copied(self._source):
            self._target = output.add_stream_from_template(self._source)
            self._packets = rising(self._copied())
        else:
            rate_hz, layout = aac_rate_hz(self._source.rate), aac_layout(self._source.layout)
            self._target = output.add_stream("aac", rate=rate_hz, layout=layout)
            self._packets = rising(self._encoded())

    def write_until(self, time_s: float) -> None:
        """Write the packets that begin before `time_s`, in seconds of the output.

        Where they cannot be made or are refused, the sound ends, with a warning.

        Raises:
            OSError: the disk is full, or so.
        """
        try:
            self._write_until(time_s)
        except OSError:
            raise
        except (FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            LOG.warning("%s: the sound cannot be carried over any further: %s", self._path, reason)
            self._packets, self._pending = iter(()), None

    def _write_until(self, time_s: float) -> None:
        """Write the packets that begin before `time_s`."""
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
        for part in self._resampled():
            yield from self._target.encode(part)
        yield from self._target.encode(None)

    def _resampled(self) -> Iterator[Any]:
        """Yield the decoded sound as the encoder takes it; broadcasts change theirs on the way."""
        context = self._target.codec_context
        kind, resampler = None, None
        for packet in self._demuxed():
            for sound in self._decoded(packet):
                if sound.pts is None or sound.pts < self._earliest:
                    continue
                sound.pts -= self._shift
                if kind != (kind := (sound.format.name, sound.layout.name, sound.sample_rate)):
                    yield from resampler.resample(None) if resampler else ()
                    resampler = av.AudioResampler("fltp", context.layout, context.sample_rate)
                assert resampler is not None
                yield from resampler.resample(sound)
        yield from resampler.resample(None) if resampler else ()

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


def can_be_copied(source: Any) -> bool:
    """Say whether an MP4 takes the packets of a sound stream as they are.

    Transport streams have no global header; each of their AAC packets has one of its own.
    """
    context = source.codec_context
    codec = context.codec.canonical_name
    if codec == "mp3":
        return bool(source.rate >= LOWEST_MP3_HZ)
    return codec in COPIED_CODECS and bool(context.extradata)


def aac_rate_hz(rate_hz: int) -> int:
    """Return the lowest rate of AAC that loses nothing of a rate, or else the highest."""
    rates = av.Codec("aac", "w").audio_rates or [rate_hz]
    return min((rate for rate in rates if rate >= rate_hz), default=max(rates))


def aac_layout(layout: Any) -> str:
    """Return the channels of AAC that lose nothing of others', or else the most like them."""
    name = layout.name.removesuffix("(side)")
    if name in AAC_LAYOUTS:
        return str(name)
    return "5.1" if layout.nb_channels >= SURROUND_CHANNELS else "stereo"


def rising(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield packets whose times rise.

    One that does not lie behind the last comes right after it, as pictures do: in joined files the
    times begin anew.
    """
    last, length = -math.inf, 0
    for packet in packets:
        if packet.dts <= last:
            lift = last + length - packet.dts
            packet.dts += lift
            packet.pts += lift
        last, length = packet.dts, max(1, packet.duration or 0)
        yield packet


def open_sound(path: Path, output: Any, zero_s: float, cut: bool) -> SoundTrack | None:
    """Open the sound of a file for `output`, or return None if it has none that can be decoded."""
    with open_input(path) as container:
        streams = container.streams.audio
        if not streams or streams[0].codec_context is None or not streams[0].rate:
            return None
    return SoundTrack(path, output, zero_s, cut)
