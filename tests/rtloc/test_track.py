"""The tracker: numbers that stay, boxes that do not tremble or lag, labels that do not change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rtloc.detections import Detections
from rtloc.track import LOST_AFTER_S, Tracker

FRAME_S = 1 / 30
BEGIN = 0.6
Box = tuple[float, float, float, float]


def found(*objects: tuple[Box, float, int]) -> Detections:
    """Boxes x1 y1 x2 y2 with score and class, best first."""
    objects = tuple(sorted(objects, key=lambda one: -one[1]))
    return Detections(
        np.array([box for box, _, _ in objects], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in objects], np.float32),
        np.array([class_id for _, _, class_id in objects], np.int64),
    )


def square(x: float, y: float = 100, side: float = 80) -> Box:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def follow(frames: list[Detections], **options: bool) -> list[Detections]:
    tracker = Tracker(BEGIN, **options)
    return [tracker.update(one, n * FRAME_S) for n, one in enumerate(frames)]


def numbers(one: Detections) -> list[int]:
    assert one.track_ids is not None
    return one.track_ids.tolist()


def test_an_object_keeps_its_number_while_it_moves() -> None:
    frames = [found((square(100 + 6 * n), 0.9, 0)) for n in range(60)]
    assert {tuple(numbers(one)) for one in follow(frames)} == {(1,)}


def test_a_doubtful_moment_does_not_make_it_flicker_but_begins_nothing() -> None:
    scores = [0.9, 0.9, 0.3, 0.2, 0.9, 0.3]
    frames = [found((square(100), s, 0), (square(400), 0.5, 1)) for s in scores]
    assert [numbers(one) for one in follow(frames)] == [[1]] * 6


def test_what_is_sure_once_does_not_linger_and_keeps_its_number_when_it_is_again() -> None:
    frames = [found((square(100), s, 0)) for s in (0.9, 0.3, 0.3, 0.9, 0.3)]
    assert [numbers(one) for one in follow(frames)] == [[1], [], [], [1], [1]]


def test_one_that_comes_back_soon_keeps_its_number_and_later_gets_another() -> None:
    nothing = found()
    soon, late = (int(part * LOST_AFTER_S / FRAME_S) for part in (0.8, 1.5))
    here = found((square(100), 0.9, 0))
    assert numbers(follow([here, here, *[nothing] * soon, here])[-1]) == [1]
    assert numbers(follow([here, here, *[nothing] * late, here])[-1]) == [2]


def test_two_that_cross_keep_their_numbers() -> None:
    frames = []
    for n in range(60):
        a, b = square(100 + 6 * n, 100), square(460 - 6 * n, 130)
        frames.append(found((a, 0.9, 0), (b, 0.8, 1)))
    for n, one in enumerate(follow(frames)):
        by_class = dict(zip(one.class_ids.tolist(), numbers(one), strict=True))
        assert by_class == {0: 1, 1: 2}, n


def test_the_class_is_what_most_frames_say() -> None:
    classes = [0, 0, 1, 0, 0, 0, 1, 0]
    frames = [found((square(100), 0.9, c)) for c in classes]
    assert [one.class_ids.tolist() for one in follow(frames)] == [[0]] * 8


def test_a_class_that_goes_on_wins_in_the_end() -> None:
    frames = [found((square(100), 0.9, int(n >= 10))) for n in range(40)]
    assert follow(frames)[-1].class_ids.tolist() == [1]


def test_a_still_object_trembles_less() -> None:
    rng = np.random.default_rng(0)
    noisy = [
        found((tuple(np.array(square(100)) + rng.normal(0, 1.5, 4)), 0.9, 0)) for _ in range(200)
    ]
    raw = np.stack([one.boxes[0] for one in noisy[20:]])
    steady = np.stack([one.boxes[0] for one in follow(noisy)[20:]])
    assert np.diff(steady, axis=0).std() < 0.45 * np.diff(raw, axis=0).std()
    assert np.abs(steady.mean(axis=0) - square(100)).max() < 0.5


def test_a_moving_object_is_not_dragged_behind() -> None:
    frames = [found((square(100 + 5 * n), 0.9, 0)) for n in range(90)]
    behind = [
        float(one.boxes[0, 0] - moved.boxes[0, 0])
        for one, moved in zip(frames, follow(frames), strict=True)
    ]
    # 150 px a second: half a frame of lag is 2.5 px
    assert max(behind[15:]) < 2.5


def test_without_smoothing_boxes_are_what_was_found() -> None:
    rng = np.random.default_rng(1)
    frames = [found((square(100 + rng.normal()), 0.9, 0)) for _ in range(10)]
    for one, other in zip(frames, follow(frames, smooth=False), strict=True):
        assert np.array_equal(one.boxes, other.boxes)


def test_boxes_end_at_the_frames_edges() -> None:
    # one goes out at the right, and the filter's boxes run ahead of it
    x = np.minimum(np.arange(100, 520, 20), 390)
    frames = [found(((c - 40, 60, min(c + 40, 400), 140), 0.9, 0)) for c in x.tolist()]
    tracker = Tracker(BEGIN)
    inside = [tracker.update(one, n * FRAME_S, (400, 300)) for n, one in enumerate(frames)]
    boxes = np.concatenate([one.boxes for one in inside])
    assert np.concatenate([one.boxes for one in follow(frames)]).max() > 400
    assert boxes.max() == 400
    assert [numbers(one) for one in inside] == [[1]] * len(frames)


def test_a_box_that_lies_beyond_the_edge_is_left_out() -> None:
    beyond = found((square(450), 0.9, 0), (square(300), 0.8, 1))
    assert numbers(Tracker(BEGIN).update(beyond, 0.0, (400, 300))) == [2]


def test_frames_without_anything_are_a_normal_case() -> None:
    assert [len(one) for one in follow([found(), found()])] == [0, 0]
    assert numbers(follow([found()])[0]) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_every_number_is_given_once_a_frame_and_nothing_is_made_up(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    tracker = Tracker(BEGIN)
    for n in range(frames):
        objects = [
            (
                square(*rng.uniform(50, 300, 2), rng.uniform(5, 120)),
                rng.random(),
                int(rng.integers(3)),
            )
            for _ in range(int(rng.integers(0, 6)))
        ]
        given_ = found(*objects)
        followed = tracker.update(given_, n * FRAME_S)
        assert len(set(numbers(followed))) == len(followed) <= len(given_)
        assert set(followed.scores.tolist()) <= set(given_.scores.tolist())
        assert (followed.boxes[:, 2:] > followed.boxes[:, :2]).all()
