"""The script of the sample clip still puts everybody where the clip's true boxes are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("index", [155, 185, 200, 235, 242, 255, 270, 299])
def test_actors_stand_where_the_truth_says(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "samples"))
    import footage
    import make_clip
    from story import SCENES

    truth = json.loads((ROOT / "samples/pokemon.jsonl").read_text().splitlines()[index])
    scene = [s for s in SCENES if s.first_frame <= index][-1]
    camera = footage.camera_at(scene.camera, truth["time_s"])
    present = make_clip.put_on_stage(scene, make_clip.load_cast(), truth["time_s"], camera)
    objects = make_clip.true_objects(present)
    assert [o["label"] for o in objects] == [o["label"] for o in truth["objects"]]
    for made, true in zip(objects, truth["objects"], strict=True):
        assert np.abs(np.subtract(made["box"], true["box"])).max() <= 4
        assert made["visible"] == pytest.approx(true["visible"], abs=0.03)
