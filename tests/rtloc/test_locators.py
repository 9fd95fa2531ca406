"""Threads that locate: all answers come, and others help only where the first falls behind."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
from answering_model import write_answering_model

from rtloc.bench.frames import made_frames
from rtloc.localizer import Localizer
from rtloc.locators import KEEPS_UP, Locators


def test_every_group_is_answered_and_more_threads_help_a_slow_engine(tmp_path: Path) -> None:
    box = (8.0, 8.0, 40.0, 40.0)
    model = write_answering_model(tmp_path / "m.onnx", [(box, 0.9, 0)], ["cat"], products=8)
    frames = made_frames(64, 64)
    with Localizer(model, streams=3, threads=1) as localizer:
        expected = localizer.locate_frames(frames[:4])
        with closing(Locators(localizer, 3)) as locators:
            alone = locators.locate(frames[:1])
            alone.result()
            futures = [locators.locate(frames[n : n + 1]) for n in [*range(4)] * 3]
            share = [len(begun) for begun in locators._begun]
    assert share[0] >= KEEPS_UP
    assert share[1] >= 1  # twelve groups at once are more than the first thread keeps up with
    for n, future in enumerate(futures):
        (found,), latency_ms = future.result()
        assert np.array_equal(found.boxes, expected[n % 4].boxes)
        assert latency_ms > 0
