"""Loading photos, and how those to train on and those to measure on are kept apart."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from clips import make_clip

from train.data_set import CUTOUTS, HELD_OUT_PHOTOS, PHOTOS, hold_out, load_data_set
from train.errors import TrainError
from train.photos import film_frames, load_backgrounds, load_photos, warning_of_few
from train.shrink_photos import main as shrink_photos


def put(folder: Path, name: str, width: int = 100, height: int = 80, grey: int = 50) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    assert cv2.imwrite(str(path), np.full((height, width, 3), grey, np.uint8))
    return path


def test_photos_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = (("c.png", 30), ("a.png", 10), ("b.bmp", 20), ("d.tif", 40), ("e.gif", 85))
    for name, grey in names:
        put(tmp_path, name, grey=grey)
    (tmp_path / "list.txt").write_text("no photo")
    assert [int(photo[0, 0, 0]) for photo in load_photos(tmp_path)] == [10, 20, 30, 40, 85]


def test_large_photos_are_shrunk_and_small_ones_left(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", 1280, 720)
    put(tmp_path, "b.jpg", 100, 640)
    assert [photo.shape for photo in load_photos(tmp_path)] == [(360, 640, 3), (640, 100, 3)]


def test_a_grey_photo_gets_three_channels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((80, 80), 77, np.uint8))
    (photo,) = load_photos(tmp_path)
    assert photo.shape == (80, 80, 3)
    assert (photo == 77).all()


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"no folder of photos at .*nowhere"):
        load_photos(tmp_path / "nowhere")
    with pytest.raises(TrainError, match="no photos in"):
        load_photos(tmp_path)


def test_an_unreadable_photo_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"hello")
    with pytest.raises(TrainError, match=r"cannot read .*a\.jpg"):
        load_photos(tmp_path)


def test_a_tiny_photo_is_named(tmp_path: Path) -> None:
    put(tmp_path, "a.png", 200, 63)
    with pytest.raises(TrainError, match=r"a\.png is smaller than 64 px"):
        load_photos(tmp_path)


def test_every_fifth_photo_is_held_out() -> None:
    photos = [np.full((1, 1, 3), n, np.uint8) for n in range(12)]
    kept, held_out = hold_out(photos, Path("photos"), "photo")
    assert [int(p[0, 0, 0]) for p in held_out] == [1, 6, 11]
    assert [int(p[0, 0, 0]) for p in kept] == [0, 2, 3, 4, 5, 7, 8, 9, 10]


def test_two_photos_are_enough_and_one_is_not() -> None:
    photos = [np.full((1, 1, 3), n, np.uint8) for n in range(2)]
    kept, held_out = hold_out(photos, Path("photos"), "photo")
    assert len(kept) == len(held_out) == 1
    with pytest.raises(TrainError, match="one photo in photos is too few"):
        hold_out(photos[:1], Path("photos"), "photo")


def test_the_shipped_photos_are_held_out_by_their_folder() -> None:
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, 64, seed=0)
    assert data.labels == ("Bulbasaur", "Charmander", "Pikachu", "Squirtle")
    assert len(data.training.photos) == len(list(PHOTOS.iterdir()))
    assert len(data.held_out.photos) == len(list(HELD_OUT_PHOTOS.iterdir()))
    assert not {p.name for p in PHOTOS.iterdir()} & {p.name for p in HELD_OUT_PHOTOS.iterdir()}


def test_photos_to_train_on_and_to_measure_on_share_nothing(tmp_path: Path) -> None:
    for n in range(11):
        put(tmp_path, f"{n:02}.png", grey=20 * n)
    data = load_data_set("real-background", CUTOUTS, tmp_path, 64, seed=0)
    greys = [{int(p[0, 0, 0]) for p in maker.photos} for maker in (data.training, data.held_out)]
    assert not greys[0] & greys[1]
    assert len(greys[0] | greys[1]) == 11


def test_a_folder_of_held_out_pictures_beside_another_one_is_measured_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greys = {"": range(0, 120, 20), "_held_out": range(130, 250, 20)}
    for kind, some in greys.items():
        for name in ("photos", "other"):
            (tmp_path / f"{name}{kind}").mkdir()
        for grey in some:
            put(tmp_path / f"photos{kind}", f"{grey}.png", grey=grey)
            square = np.full((130, 130, 4), (grey, grey, grey, 255), np.uint8)
            assert cv2.imwrite(str(tmp_path / f"other{kind}/{grey}.png"), square)
    photos, distractors = tmp_path / "photos", tmp_path / "other"
    by_any_name = [(photos, distractors), (Path(), Path("../other"))]
    monkeypatch.chdir(photos)
    for on, among in by_any_name:
        data = load_data_set("many-objects", CUTOUTS, on, 64, seed=0, distractors=among)
        for maker, some in zip((data.training, data.held_out), greys.values(), strict=True):
            assert {int(p[0, 0, 0]) for p in maker.photos} == set(some)
            assert {int(d.levels[0][20, 20, 0]) for d in maker.distractors[0]} == set(some)


def test_small_drawings_are_trained_with_or_measured_with_in_all_their_views(
    tmp_path: Path,
) -> None:
    greys = range(20, 240, 20)
    for grey in greys:  # so small that each is a cut-out in blocks, and one drawn anew
        square = np.full((24, 24, 4), (grey, grey, grey, 255), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{grey:03}.png"), square)
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, 64, seed=0, distractors=tmp_path)
    of_each = [
        [int(d.levels[0][40, 40, 0]) for d in maker.distractors[0]]
        for maker in (data.training, data.held_out)
    ]
    assert not set(of_each[0]) & set(of_each[1])
    assert sorted(of_each[0] + of_each[1]) == sorted([*greys, *greys])


def test_what_is_evaluated_on_is_not_what_was_settled_on() -> None:
    data = load_data_set("many-objects", CUTOUTS, PHOTOS, 64, seed=0)
    other = data.for_evaluation()
    assert other.held_out.photos is data.held_out.photos
    for one, another in (
        (data.held_out.make(0), other.held_out.make(0)),
        (next(iter(data.negatives(1, 1).drawings)), next(iter(other.negatives(1, 1).drawings))),
    ):
        assert not np.array_equal(one.image, another.image)
    crops = [{c.tobytes() for c in d.negatives(64, 1).photos} for d in (data, other)]
    assert not crops[0] & crops[1]


def test_held_out_pictures_are_the_same_for_every_training_seed() -> None:
    first, second = (
        load_data_set("charmander", CUTOUTS, PHOTOS, 64, seed).held_out_samples(3)
        for seed in (0, 1)
    )
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.image, b.image)


def test_the_white_box_has_a_label_of_its_own() -> None:
    assert load_data_set("white-box", CUTOUTS, PHOTOS, 64, seed=0).labels == ("white box",)


def classes_drawn(cutouts: Path) -> set[str]:
    data = load_data_set("any-size", cutouts, PHOTOS, 64, seed=0)
    return {data.labels[data.training.make(n).class_ids[0]] for n in range(20)}


def test_an_early_stage_draws_charmander_or_all_of_ones_own_classes(tmp_path: Path) -> None:
    for label, of in {"Mug": "Bulbasaur", "Teapot": "Squirtle", "Watch": "Pikachu"}.items():
        shutil.copytree(CUTOUTS / of, tmp_path / label)
    assert classes_drawn(tmp_path) == {"Mug", "Teapot", "Watch"}
    shutil.copytree(CUTOUTS / "Charmander", tmp_path / "Charmander")
    assert classes_drawn(tmp_path) == {"Charmander"}


def test_an_unknown_stage_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(TrainError, match="no stage 'moon'; choose one of white-box, charmander"):
        load_data_set("moon", CUTOUTS, PHOTOS, 64, seed=0)


def test_shrink_photos_writes_small_copies(tmp_path: Path) -> None:
    large = put(tmp_path / "in", "Large.PNG", 1280, 640)
    small = put(tmp_path / "in", "small.png", 100, 80)
    out = tmp_path / "out"
    out.mkdir()
    done = CliRunner().invoke(shrink_photos, [str(out), str(large), str(small)])
    assert done.exit_code == 0, done.output
    written = {p.name: cv2.imread(str(p)).shape for p in out.iterdir()}
    assert written == {"large.jpg": (320, 640, 3), "small.jpg": (80, 100, 3)}


def test_shrink_photos_names_what_is_no_photo(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"hello")
    done = CliRunner().invoke(shrink_photos, [str(tmp_path), str(path)])
    assert done.exit_code == 1
    assert "cannot read" in done.output
    assert "a.png" in done.output


def test_shrink_photos_writes_over_no_other_copy(tmp_path: Path) -> None:
    one, other = put(tmp_path / "in", "A.jpg", grey=0), put(tmp_path / "in", "a.png", grey=200)
    out = tmp_path / "out"
    out.mkdir()
    done = CliRunner().invoke(shrink_photos, [str(out), str(one), str(other)])
    assert done.exit_code == 1
    assert f"a.jpg is there already; rename {other}" in " ".join(done.output.split())
    assert cv2.imread(str(out / "a.jpg")).max() < 10


def where(frame: np.ndarray) -> int:
    """Return where the bar of a clip's frame begins, which is 5 px further in each."""
    return int((frame.mean(axis=(0, 2)) > 220).argmax())


def test_a_films_frames_are_backgrounds(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=12, size_wh=(128, 96))
    backgrounds = load_backgrounds(clip)
    assert backgrounds.photos == []
    (frames,) = backgrounds.films
    assert [frame.shape for frame in frames] == [(96, 128, 3)] * 12
    assert [where(frame) for frame in frames] == pytest.approx([5 * n for n in range(12)], abs=1)
    assert len(load_photos(clip)) == 12


@pytest.mark.parametrize("far", [100, 1])  # decoded to its end, or sought through
def test_a_long_film_gives_frames_spread_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: int
) -> None:
    monkeypatch.setattr("train.photos.MOST_FRAMES", 5)
    monkeypatch.setattr("train.photos.FAR", far)
    clip = make_clip(tmp_path / "clip.mp4", frames=23, size_wh=(160, 64))
    assert [where(f) for f in film_frames(clip)] == pytest.approx([0, 25, 50, 75, 100], abs=1)


def test_a_film_that_does_not_say_how_long_it_is_gives_frames_spread_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.photos.MOST_FRAMES", 5)
    clip = make_clip(tmp_path / "clip.ts", frames=23, size_wh=(160, 64))
    places = [where(frame) for frame in film_frames(clip)]
    assert 3 <= len(places) <= 5
    assert len(set(np.diff(places))) == 1


def test_a_folder_may_hold_photos_and_films(tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path, f"{n}.png", grey=n)
    make_clip(tmp_path / "a.mkv", frames=10, size_wh=(128, 96))
    make_clip(tmp_path / "b.AVI", frames=1, size_wh=(128, 96))
    data = load_data_set("real-background", CUTOUTS, tmp_path, 64, seed=0)
    kept, held_out = data.training.photos, data.held_out.photos
    assert [int(p[0, 0, 0]) for p in (*kept[:2], held_out[0])] == [0, 2, 1]
    # the last fifth of the film, so that no frame has a neighbour on the other side
    assert [where(p) for p in kept[2:10]] == pytest.approx([5 * n for n in range(8)], abs=1)
    assert [where(p) for p in held_out[1:]] == pytest.approx([40, 45], abs=1)
    assert len(kept) == 11


def test_an_unusable_film_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # as the commands do
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing" * 1000)
    for path in (bad, tmp_path):
        with pytest.raises(TrainError, match=r"cannot read .*bad\.mp4 as a video"):
            load_backgrounds(path)
    assert capfd.readouterr().err == ""
    tiny = make_clip(tmp_path / "tiny.mp4", frames=2, size_wh=(128, 48))
    with pytest.raises(TrainError, match=r"tiny\.mp4 is smaller than 64 px"):
        load_backgrounds(tiny)


def test_one_frame_or_one_photo_is_too_few(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", frames=1, size_wh=(128, 96))
    with pytest.raises(TrainError, match=r"clip\.mp4 has too few frames"):
        load_data_set("real-background", CUTOUTS, clip, 64, seed=0)
    photo = put(tmp_path / "photos", "a.png")
    with pytest.raises(TrainError, match=r"a\.png: it is one photo; name a folder, or a video"):
        load_backgrounds(photo)
    with pytest.raises(TrainError, match=r"one photo in .*photos is too few"):
        load_data_set("real-background", CUTOUTS, photo.parent, 64, seed=0)


def test_few_backgrounds_are_worth_a_warning() -> None:
    photos = [np.zeros((64, 64, 3), np.uint8)] * 50
    assert warning_of_few(photos, Path("photos")) is None
    assert "only 7 backgrounds in photos to train on" in (
        warning_of_few(photos[:7], Path("photos")) or ""
    )


def test_few_backgrounds_are_no_matter_where_objects_are_pasted_on_black(tmp_path: Path) -> None:
    for name in "abc":
        put(tmp_path, f"{name}.png")
    for stage, lines in (("any-size", 0), ("real-background", 1)):
        data = load_data_set(stage, CUTOUTS, tmp_path, 64, seed=0)
        assert sum("backgrounds in" in line for line in data.warnings(tmp_path)) == lines


def test_very_long_photos_are_no_trouble(tmp_path: Path) -> None:
    put(tmp_path, "a.png", 64, 60_000)
    assert [photo.shape for photo in load_photos(tmp_path)] == [(640, 1, 3)]
