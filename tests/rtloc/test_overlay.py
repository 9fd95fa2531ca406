"""Boxes and labels on a frame."""

import numpy as np
import pytest

from rtloc.detections import Detections
from rtloc.overlay import COLOURS, draw


def one(box: list[float], class_id: int = 0) -> Detections:
    return Detections(
        np.array([box], np.float32), np.array([0.5], np.float32), np.array([class_id])
    )


def test_nothing_found_leaves_the_frame_alone() -> None:
    image = np.full((100, 100, 3), 9, np.uint8)
    draw(image, Detections.empty(), ["a"])
    assert (image == 9).all()


def test_the_box_is_drawn_in_its_classs_colour_and_its_inside_left_alone() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    draw(image, one([300, 200, 500, 400], class_id=1), ["a", "b"])
    assert tuple(image[400, 400]) == COLOURS[1]
    assert tuple(image[300, 300]) == COLOURS[1]
    assert (image[210:390, 310:490] == 0).all()
    assert (image[410:] == 0).all()


def test_the_caption_stands_above_the_box_and_hangs_inside_it_at_the_top_edge() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    draw(image, one([300, 200, 500, 400]), ["a"])
    assert (image[175:195, 300:340] != 0).any()
    image[:] = 0
    draw(image, one([300, 0, 500, 400]), ["a"])
    assert (image[5:25, 310:340] != 0).any()


def test_boxes_keep_to_whole_colours_of_planes_and_do_not_tremble() -> None:
    def drawn(box: list[float]) -> np.ndarray:
        planes = np.full((720 * 3 // 2, 1280), 128, np.uint8)
        draw(planes, one(box), ["a"])
        return planes

    here = drawn([300, 200, 500, 400])
    assert (here != 128).any()
    assert np.array_equal(drawn([300.9, 199.1, 499.2, 400.6]), here)
    assert not np.array_equal(drawn([302, 200, 500, 400]), here)


@pytest.mark.parametrize(
    "box", [[-50, -50, 2000, 2000], [1275, 700, 1280, 720], [0, 0, 0, 0], [5, 5, 6, 6]]
)
def test_boxes_anywhere_can_be_drawn_and_their_captions_stay_in_the_frame(box: list[float]) -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    draw(image, one(box), ["a rather long label"])
    assert (image != 0).any()


@pytest.mark.parametrize("shape", [(8, 8, 3), (1, 1, 3), (2160, 3840, 3)])
def test_frames_of_any_size_can_be_drawn_on(shape: tuple[int, int, int]) -> None:
    image = np.zeros(shape, np.uint8)
    draw(image, one([0, 0, shape[1], shape[0]], class_id=100), [str(n) for n in range(101)])
    assert (image != 0).any()
