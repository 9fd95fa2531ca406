"""Write the clip: H.264 and AAC in an MP4 that a browser plays."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from footage import FRAME_WH
from numpy.typing import NDArray

FRAMES_PER_S = Fraction(30000, 1001)
SOUND_RATE_HZ = 48000
SOUND_CHUNK = 1024
TAG_BT709 = 1
# A fixed number of threads: libx264's picture depends on it.
X264_OPTIONS = {"crf": "26", "preset": "slow", "threads": "2"}
NOTES_HZ = (523.25, 659.25, 783.99, 880.0, 783.99, 659.25, 587.33, 659.25)
NOTE_S = 0.42


def tune(length_s: float) -> NDArray[np.float32]:
    """Play a quiet tune of plucked notes, float32 [1, samples], at 48 kHz and within ±0.2."""
    time_s = np.arange(round(length_s * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    sound = np.zeros_like(time_s)
    for n in range(int(length_s / NOTE_S)):
        since = time_s - n * NOTE_S
        heard = since >= 0
        phase = 2 * np.pi * NOTES_HZ[n % len(NOTES_HZ)] * since[heard]
        attack = np.minimum(1.0, since[heard] / 0.008)
        fade = np.exp(-since[heard] / 0.25)
        sound[heard] += attack * fade * (np.sin(phase) + 0.25 * np.sin(2 * phase))
    sound *= np.minimum(1.0, (length_s - time_s) / 0.3)
    return (0.1 * sound).astype(np.float32)[None]


def write(path: Path, frames: Iterable[NDArray[np.uint8]], frame_count: int) -> None:
    """Write `frame_count` frames, uint8 [720, 1280, 3] BGR each, with a tune of the same length."""
    with av.open(
        str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
    ) as clip:
        video = clip.add_stream("libx264", rate=FRAMES_PER_S, options=X264_OPTIONS)
        video.width, video.height = FRAME_WH
        video.pix_fmt = "yuv420p"
        context = video.codec_context
        context.time_base = video.time_base = 1 / FRAMES_PER_S
        context.gop_size = 60
        context.color_range = ColorRange.MPEG
        context.colorspace = context.color_primaries = context.color_trc = TAG_BT709
        audio = clip.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
        audio.bit_rate = 64000
        sound, written = tune(float(frame_count / FRAMES_PER_S)), 0
        for n, pixels in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            picture.pts, picture.time_base = n, 1 / FRAMES_PER_S
            clip.mux(video.encode(picture))
            due = int((n + 1) / FRAMES_PER_S * SOUND_RATE_HZ)
            written = _write_sound(clip, audio, sound, written, due)
        _write_sound(clip, audio, sound, written, sound.shape[1] + SOUND_CHUNK)
        clip.mux(video.encode(None))
        clip.mux(audio.encode(None))


def _write_sound(
    clip: OutputContainer, audio: AudioStream, sound: NDArray[np.float32], start: int, end: int
) -> int:
    """Write whole chunks of sound from sample `start` up to `end`; return how far it came.

    Only the last chunk may be shorter.
    """
    while start < sound.shape[1] and start + SOUND_CHUNK <= end:
        chunk = np.ascontiguousarray(sound[:, start : start + SOUND_CHUNK])
        one = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="mono")
        one.sample_rate, one.pts = SOUND_RATE_HZ, start
        one.time_base = Fraction(1, SOUND_RATE_HZ)
        clip.mux(audio.encode(one))
        start += chunk.shape[1]
    return start
