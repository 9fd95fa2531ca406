"""Frames of planes are located and drawn on as BGR ones are."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtloc import Frame, Localizer
from rtloc.detections import Detections
from rtloc.frame import planes_of, size_wh
from rtloc.letterbox import fit, letterbox
from rtloc.overlay import draw, fill, paints


def as_planes(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)


EVEN = st.integers(1, 150).map(lambda n: 2 * n)


@given(EVEN, EVEN)
def test_planes_are_views_of_the_right_sides(width: int, height: int) -> None:
    pixels = as_planes(np.zeros((height, width, 3), np.uint8))
    luma, u, v = planes_of(pixels)
    assert size_wh(pixels) == (width, height)
    assert luma.shape == (height, width)
    assert u.shape == v.shape == (height // 2, width // 2)
    v[:] = 7
    assert (pixels[-height // 4 or -1 :] == 7).any()
    assert all(plane.base is not None for plane in (luma, u, v))


def test_the_image_is_that_of_the_planes(scene: np.ndarray) -> None:
    frame = Frame(as_planes(scene), 0, 0.0)
    assert np.abs(frame.image.astype(int) - scene).mean() < 3
    assert Frame(scene, 0, 0.0).image is scene


def test_fitting_planes_gives_the_same_input_as_fitting_bgr(scene: np.ndarray) -> None:
    planes = as_planes(scene)
    wide = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    inputs = []
    for pixels in (planes, wide):
        inputs.append(np.zeros((224, 384, 3), np.uint8))
        fit(pixels, letterbox(1280, 720, (384, 224)), inputs[-1])
    apart = np.abs(inputs[0].astype(int) - inputs[1])
    assert np.median(apart) <= 1
    assert np.percentile(apart, 99) <= 12


def test_planes_are_located_as_bgr_is(scene: np.ndarray) -> None:
    localizer = Localizer()
    from_planes = localizer.locate_frame(Frame(as_planes(scene), 0, 0.0))
    from_bgr = localizer.locate(scene)
    # the surest comes first, and two of them may be nearly as sure
    a, b = (found[np.argsort(found.class_ids)] for found in (from_planes, from_bgr))
    assert a.class_ids.tolist() == b.class_ids.tolist()
    assert np.allclose(a.boxes, b.boxes, atol=3)
    assert np.allclose(a.scores, b.scores, atol=0.05)


def test_planes_are_drawn_on_as_bgr_is(scene: np.ndarray) -> None:
    found = Detections(
        np.array([[101, 203, 501, 402], [700, -5, 1300, 300]], np.float32),
        np.array([0.9, 0.5], np.float32),
        np.array([1, 2]),
    )
    planes, image = as_planes(scene), scene.copy()
    for pixels in (planes, image):
        draw(pixels, found, ["a", "Bulbasaur", "c"])
    drawn = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    apart = np.abs(drawn.astype(int) - image).max(axis=2)
    # text and bars differ where a colour pixel covers four, nowhere else
    assert np.percentile(apart, 98) < 30
    assert apart[600:].max() < 120


@pytest.mark.parametrize("planar", [False, True])
@given(st.tuples(*[st.integers(-40, 120)] * 4))
def test_a_fill_covers_its_area_and_no_more(planar: bool, area: tuple[int, int, int, int]) -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    x1, y1, x2, y2 = area
    expected = np.zeros((60, 80), bool)
    expected[max(0, y1) : max(0, y2), max(0, x1) : max(0, x2)] = True
    if planar:
        pixels = as_planes(pixels)
        fill(paints(pixels, (255, 255, 255)), area)
        covered = planes_of(pixels)[0] > 200
    else:
        fill(paints(pixels, (255, 255, 255)), area)
        covered = pixels[..., 0] == 255
    assert np.array_equal(covered, expected)
