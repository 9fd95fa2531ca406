"""The library: pictures in, detections out."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from clips import LABELS

from engines.backends import BACKENDS, Load, RawOutputs, open_backend
from engines.errors import DeviceLostError, EngineError, InputSizeError, UnknownNameError
from engines.model_file import SMALLEST_SIZE, ModelInfo, form_in
from rtloc import Detections, Localizer, RtlocError
from rtloc.errors import UsageError
from rtloc.frame import Frame


def test_three_lines_find_the_starters(scene: np.ndarray) -> None:
    localizer = Localizer()
    found = localizer.locate(scene)
    assert isinstance(found, Detections)
    by_place = found[np.argsort(found.boxes[:, 0])]
    assert [localizer.info.labels[i] for i in by_place.class_ids] == list(LABELS)
    assert (np.diff(found.scores) <= 0).all()
    assert found.boxes.dtype == np.float32
    assert found.class_ids.dtype == np.int64


def test_a_batch_of_mixed_sizes_answers_as_single_pictures_do(scene: np.ndarray) -> None:
    pictures = [scene, scene[:, :640], np.zeros((50, 70, 3), np.uint8)]
    localizer = Localizer()
    batch = localizer.locate_batch(pictures)
    for picture, found in zip(pictures, batch, strict=True):
        alone = localizer.locate(picture)
        assert np.allclose(found.boxes, alone.boxes, atol=0.05)
        assert np.allclose(found.scores, alone.scores, atol=1e-3)
        assert (found.class_ids == alone.class_ids).all()
    assert len(batch[2]) == 0
    assert localizer.locate_batch([]) == []


def test_detections_do_not_change_when_the_next_picture_comes(scene: np.ndarray) -> None:
    localizer = Localizer()
    first = localizer.locate(scene)
    before = first.boxes.copy(), first.scores.copy(), first.class_ids.copy()
    localizer.locate(np.zeros_like(scene))
    after = first.boxes, first.scores, first.class_ids
    assert all((a == b).all() for a, b in zip(before, after, strict=True))


def test_threads_may_share_a_localizer(scene: np.ndarray) -> None:
    pictures = [scene, scene[:, :640], scene[100:], scene[:, ::-1]] * 10
    localizer = Localizer(streams=2)
    alone = [localizer.locate(picture) for picture in pictures[:4]]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(localizer.locate, pictures))
    for n, found in enumerate(together):
        assert np.allclose(found.boxes, alone[n % 4].boxes, atol=1e-3)
        assert np.allclose(found.scores, alone[n % 4].scores, atol=1e-6)


def test_only_the_wanted_classes_are_found(scene: np.ndarray) -> None:
    localizer = Localizer(classes=["squirtle", "Bulbasaur"])
    found = localizer.locate(scene)
    assert {localizer.info.labels[i] for i in found.class_ids} == {"Squirtle", "Bulbasaur"}


def test_the_threshold_cuts_low_scores(scene: np.ndarray) -> None:
    everything = Localizer(threshold=0).locate(scene)
    assert len(Localizer(threshold=1).locate(scene)) <= 3
    some = Localizer(threshold=0.3).locate(scene)
    assert (some.scores >= 0.3).all()
    assert len(some) == (everything.scores >= 0.3).sum()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((10, 10), np.uint8),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((10, 10, 3), np.float32),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_what_is_no_bgr_picture_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(RtlocError, match="uint8"):
        Localizer().locate(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((720, 1280, 4), np.uint8),
        np.zeros((720, 1280, 3), np.float32),
        np.zeros((1080, 1280), np.float32),
        np.zeros((1081, 1280), np.uint8),
        np.zeros((1080, 1281), np.uint8),
        np.zeros((0, 1280), np.uint8),
    ],
)
def test_a_frame_of_neither_form_is_refused(scene: np.ndarray, wrong: np.ndarray) -> None:
    localizer = Localizer()
    localizer.locate(scene)  # whose detections must not be the answer
    with pytest.raises(RtlocError, match="must be uint8"):
        localizer.locate_frame(Frame(wrong, 0, 0.0))


def test_a_picture_that_was_not_read_is_said() -> None:
    nothing = cv2.imread("gone.jpg")
    for locate in (
        Localizer().locate,
        lambda pixels: Localizer().locate_frame(Frame(pixels, 0, 0)),
    ):
        with pytest.raises(RtlocError, match="must be an array, not NoneType; was its file"):
            locate(nothing)


@pytest.mark.parametrize("name", ["streams", "batch"])
@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_nothing_is_refused(name: str, number: int) -> None:
    with pytest.raises(UsageError, match=f"{name} is {number}; it must be 1 or more"):
        Localizer(**{name: number})


def test_wrong_arguments_name_what_would_be_right() -> None:
    with pytest.raises(UsageError, match="Bulbasaur, Charmander, Pikachu, Squirtle"):
        Localizer(classes=["Mewtwo"])
    with pytest.raises(UsageError, match="between 0 and 1"):
        Localizer(threshold=2)
    with pytest.raises(UnknownNameError, match="pokemon"):
        Localizer("nothing.onnx")
    with pytest.raises(EngineError, match="openvino"):
        Localizer(backend="cuda")


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_larger_input_finds_what_is_too_small_else(scene: np.ndarray, backend: str) -> None:
    far = np.full((1440, 2560, 3), 114, np.uint8)
    far[660:761, 1200:1380] = cv2.resize(scene, (180, 101), interpolation=cv2.INTER_AREA)
    assert len(Localizer(backend=backend).locate(far)) == 0
    large = Localizer(backend=backend, input_size=2560)
    assert large.info.input_size == 2560
    found = large.locate(far)
    by_place = found[np.argsort(found.boxes[:, 0])]
    assert [large.info.labels[i] for i in by_place.class_ids] == list(LABELS)
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    assert ((centres > (1200, 660)) & (centres < (1380, 761))).all()


@pytest.mark.parametrize("size", [-32, 0, 32, 64, 96, 333, 1 << 20])
def test_a_size_that_no_input_can_have_is_refused(size: int) -> None:
    with pytest.raises(InputSizeError, match=f"can have {size} pixels; give a multiple of 32"):
        Localizer(input_size=size)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_the_smallest_input_takes_the_flattest_picture(backend: str) -> None:
    with Localizer(backend=backend, input_size=SMALLEST_SIZE) as localizer:
        for flat in (np.zeros((100, 1000, 3), np.uint8), np.zeros((1000, 100, 3), np.uint8)):
            assert len(localizer.locate(flat)) == 0


def test_noncontiguous_pictures_are_located_too(scene: np.ndarray) -> None:
    localizer = Localizer()
    mirrored = localizer.locate(scene[:, ::-1])
    copied = localizer.locate(np.ascontiguousarray(scene[:, ::-1]))
    assert np.array_equal(mirrored.boxes, copied.boxes)
    assert len(mirrored) >= 3


class LosingBackend:
    """A GPU that is lost at the third picture."""

    name = "a card"

    def __init__(self, info: ModelInfo, load: Load) -> None:
        self.info = form_in(info, ("fp16",))
        self._real, _ = open_backend(self.info, "onnxruntime", load)
        self._left = 2
        self.is_closed = False

    def infer(self, frames: np.ndarray) -> RawOutputs:
        self._left -= 1
        if self._left < 0:
            raise DeviceLostError("the GPU failed: it has fallen off the bus")
        return self._real.infer(frames)

    def close(self) -> None:
        self._real.close()
        self.is_closed = True


def test_a_lost_gpu_gives_way_to_the_cpu(
    scene: np.ndarray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cards = []
    monkeypatch.setitem(
        BACKENDS, "a card", lambda *about: cards.append(LosingBackend(*about)) or cards[0]
    )
    with Localizer(backend="a card", streams=3) as localizer:
        assert localizer.engine == "a card fp16"
        with ThreadPoolExecutor(3) as threads:
            found = list(threads.map(localizer.locate, [scene] * 9))
        assert {len(one) for one in found} == {3}
        assert localizer.engine == "openvino int8"
        assert "fallen off the bus" in localizer.backend_reason
    assert cards[0].is_closed
    (record,) = caplog.records
    assert "going on with openvino on the CPU" in record.getMessage()
