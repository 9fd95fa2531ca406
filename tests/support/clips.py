"""Make small real videos for tests."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

LABELS = ("Bulbasaur", "Charmander", "Squirtle")
SOUND_RATE_HZ = 48000


def picture(n: int, width: int, height: int) -> np.ndarray:
    """A picture that differs from frame to frame: a white bar on a grey slope moves along."""
    image = np.repeat(np.linspace(40, 160, width)[None, :, None], height, axis=0)
    image = np.repeat(image, 3, axis=2)
    x = (5 * n) % max(1, width - 20)
    image[:, x : x + 20] = 255
    return image.astype(np.uint8)


def make_clip(
    path: Path,
    *,
    frames: int = 60,
    size_wh: tuple[int, int] = (320, 240),
    rate: Fraction = Fraction(30000, 1001),
    stamps: list[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    sound: str | None = None,
    image: np.ndarray | None = None,
    sound_seconds: float | None = None,
    sound_rate_hz: int = SOUND_RATE_HZ,
    layout: str = "stereo",
    gop: int = 12,
    preset: str | None = None,
    title: str | None = None,
    last_s: float | None = None,
    pixel_aspect: Fraction = Fraction(0),  # unknown
    **options: str,
) -> Path:
    """Write a video; `stamps` (in ticks of `time_base`) make its frame rate variable."""
    with av.open(str(path), "w", options=options) as output:
        if title is not None:
            output.metadata["title"] = title
        video = output.add_stream(codec, rate=rate, options={"preset": preset} if preset else {})
        video.width, video.height = size_wh
        video.pix_fmt = "yuv420p"
        video.codec_context.gop_size = gop
        video.codec_context.sample_aspect_ratio = pixel_aspect
        if time_base is not None:
            video.time_base = video.codec_context.time_base = time_base
        audio = output.add_stream(sound, rate=sound_rate_hz, layout=layout) if sound else None
        for n in range(frames):
            pixels = picture(n, *size_wh) if image is None else image
            one = av.VideoFrame.from_ndarray(pixels, format="bgr24")
            one.pts = n if stamps is None else stamps[n]
            one.time_base = 1 / rate if stamps is None else time_base
            output.mux(video.encode(one))
        rest = video.encode(None)
        if last_s is not None:  # for how long the last picture is shown
            rest[-1].duration = round(last_s / rest[-1].time_base)
        output.mux(rest)
        if audio is not None:
            length = frames / float(rate) if sound_seconds is None else sound_seconds
            write_tone(output, audio, length)
    return path


def write_tone(output: av.container.OutputContainer, stream: av.AudioStream, length: float) -> None:
    """Write a tone of 440 Hz."""
    layout = stream.codec_context.layout.name
    channels = stream.codec_context.layout.nb_channels
    format_name = stream.codec_context.format.name
    rate_hz = stream.codec_context.sample_rate
    resampler = av.AudioResampler(format=format_name, layout=layout, rate=rate_hz)
    time = np.arange(int(rate_hz * length)) / rate_hz
    tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    for first in range(0, len(tone), 1024):
        part = np.repeat(tone[first : first + 1024], channels)[None]
        one = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="s16", layout=layout)
        one.sample_rate, one.pts = rate_hz, first
        for resampled in resampler.resample(one):
            output.mux(stream.encode(resampled))
    output.mux(stream.encode(None))


def video_stamps(path: Path) -> list[Fraction]:
    """The frames' exact times in seconds, in order of showing, as far as the file can be read."""
    stamps: list[Fraction] = []
    with av.open(str(path)) as container, suppress(av.error.InvalidDataError):
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            stamps.append(frame.pts * stream.time_base)
    return sorted(stamps)


def sound_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """The sound's packets: time in seconds and content."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [p for p in container.demux(stream) if p.size]
        return [(p.pts * stream.time_base, bytes(p)) for p in packets]
