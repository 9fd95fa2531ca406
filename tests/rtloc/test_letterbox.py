"""The way into the model's input and back."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from engines.model_file import input_wh
from rtloc.letterbox import BAR_GREY, fit, letterbox, unfit

SIDES = st.integers(1, 5000)
SIZES = st.sampled_from([64, 256, 320, 640])


@given(SIDES, SIDES, SIZES)
def test_the_input_is_the_smallest_that_holds_the_frame(width: int, height: int, size: int) -> None:
    sides = input_wh(width, height, size)
    assert max(sides) == size
    for frame_side, side in zip((width, height), sides, strict=True):
        content = max(1, round(frame_side * size / max(width, height)))
        assert side % 32 == 0
        assert content <= side < content + 32


@given(SIDES, SIDES, SIZES)
@example(56, 372, 640)  # 56 · 640 / 372 is 96.3: rounded, it fits 96
def test_content_fills_one_axis_and_is_centred(width: int, height: int, size: int) -> None:
    sides = input_wh(width, height, size)
    box = letterbox(width, height, sides)
    assert max(box.content_wh) == size
    for side, inside, offset in zip(sides, box.content_wh, box.offset_xy, strict=True):
        assert inside >= 1
        assert offset == (side - inside) // 2


@given(SIDES, SIDES, SIZES, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_unfit_undoes_fit(width: int, height: int, size: int, part: list[float]) -> None:
    box = letterbox(width, height, input_wh(width, height, size))
    x1, x2 = sorted((part[0] * width, part[1] * width))
    y1, y2 = sorted((part[2] * height, part[3] * height))
    frame = np.array([[x1, y1, x2, y2]])
    scale, offset = np.array(box.scale_xy * 2), np.array(box.offset_xy * 2)
    back = unfit((frame * scale + offset).astype(np.float32), box)
    assert back.dtype == np.float32
    # float32 holds a pixel of the input to about 1/20000; the frame's are larger by 1 / scale
    assert np.allclose(back, frame, atol=1e-3 + 1e-4 / scale.min())


@given(SIDES, SIDES)
def test_unfit_cuts_at_the_frames_edges(width: int, height: int) -> None:
    box = letterbox(width, height, (320, 320))
    outside = np.array([[-50, -50, 500, 500]], np.float32)
    assert unfit(outside, box).tolist() == [[0, 0, width, height]]


def test_bars_are_grey_and_the_picture_is_between_them() -> None:
    image = np.full((90, 160, 3), (10, 200, 90), np.uint8)
    box = letterbox(160, 90, (64, 64))
    out = np.zeros((64, 64, 3), np.uint8)
    fit(image, box, out)
    assert (out[:14] == BAR_GREY).all()
    assert (out[50:] == BAR_GREY).all()
    assert (out[14:50] == (10, 200, 90)).all()


def test_a_reused_input_keeps_nothing_of_the_last_frame() -> None:
    out = np.zeros((64, 64, 3), np.uint8)
    fit(np.full((64, 64, 3), 255, np.uint8), letterbox(64, 64, (64, 64)), out)
    tall = np.full((100, 20, 3), 7, np.uint8)
    fit(tall, letterbox(20, 100, (64, 64)), out)
    assert set(np.unique(out)) == {7, BAR_GREY}


@given(st.integers(1, 400), st.integers(1, 400))
def test_any_frame_size_fits(width: int, height: int) -> None:
    out = np.zeros((64, 64, 3), np.uint8)
    fit(np.full((height, width, 3), 50, np.uint8), letterbox(width, height, (64, 64)), out)
    assert (out == 50).any()


def test_every_pixel_counts_when_a_frame_is_made_much_smaller() -> None:
    # thin lines, of which a plain linear resize by 4 would see all or nothing
    image = np.zeros((720, 1280, 3), np.uint8)
    image[:, ::4] = 200
    out = np.zeros((320, 320, 3), np.uint8)
    fit(image, letterbox(1280, 720, (320, 320)), out)
    content = out[70:250]
    assert np.abs(content.astype(int) - 50).max() <= 2
