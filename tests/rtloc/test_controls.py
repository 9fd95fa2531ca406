"""What a viewer changes by keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtloc.controls import Controls, open_controls
from rtloc.localizer import Localizer


@pytest.fixture
def controls(localizer: Localizer) -> Controls:
    localizer.threshold = 0.5
    localizer.look_for(range(4))
    return open_controls(localizer, track=False, smooth=True)


def labels_in(controls: Controls, scene: np.ndarray) -> set[str]:
    found = controls.localizer.locate(scene)
    return {controls.labels[n] for n in found.class_ids.tolist()}


def test_number_keys_hide_and_show_classes(controls: Controls, scene: np.ndarray) -> None:
    assert labels_in(controls, scene) == {"Bulbasaur", "Charmander", "Squirtle"}
    controls.press(ord("1"))
    assert labels_in(controls, scene) == {"Charmander", "Squirtle"}
    controls.press(ord("1"))
    assert labels_in(controls, scene) == {"Bulbasaur", "Charmander", "Squirtle"}


def test_plus_and_minus_move_the_threshold(controls: Controls, scene: np.ndarray) -> None:
    for _ in range(30):
        controls.press(ord("+"))
    assert controls.threshold == 1.0
    assert not labels_in(controls, scene)
    for _ in range(30):
        controls.press(ord("-"))
    assert controls.threshold == 0.0
    assert len(controls.localizer.locate(scene)) > 3


def test_a_tracker_begins_at_the_threshold_and_goes_on_below_it(localizer: Localizer) -> None:
    localizer.threshold = 0.5
    controls = open_controls(localizer, track=True, smooth=True)
    controls.press(ord("+"))
    assert [tracker.begin for tracker in controls.trackers] == [pytest.approx(0.55)]
    assert localizer.threshold == pytest.approx(0.5 * 0.55)


def test_classes_that_were_not_asked_for_begin_hidden() -> None:
    with Localizer(classes=["Pikachu"]) as localizer:
        controls = open_controls(localizer, track=False, smooth=True)
        assert {controls.labels[n] for n in controls.hidden} == {
            "Bulbasaur",
            "Charmander",
            "Squirtle",
        }


@pytest.mark.parametrize("key", ["q", "Q", "\x1b"])
def test_keys_that_quit(controls: Controls, key: str) -> None:
    controls.press(ord(key))
    assert controls.quit


@pytest.mark.parametrize(("key", "name"), [(" ", "paused"), ("r", "recording"), ("?", "help")])
def test_keys_that_switch(controls: Controls, key: str, name: str) -> None:
    for expected in (True, False):
        controls.press(ord(key))
        assert getattr(controls, name) is expected


def test_h_takes_the_panel_away_and_s_asks_for_a_snapshot(controls: Controls) -> None:
    controls.press(ord("h"))
    controls.press(ord("s"))
    assert not controls.panel
    assert controls.snapshot


@given(key=st.integers(-1, 255))
def test_any_key_leaves_the_controls_in_order(localizer: Localizer, key: int) -> None:
    controls = open_controls(localizer, track=False, smooth=True)
    controls.press(key)
    assert 0 <= controls.threshold <= 1
    assert controls.hidden <= {0, 1, 2, 3}
    localizer.look_for(range(4))
    localizer.threshold = 0.5
