"""Pictures that are named like what shall be found."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from train.cutouts import SUFFIXES
from train.data_set import (
    CUTOUTS,
    DISTRACTORS,
    HELD_OUT_DISTRACTORS,
    PHOTOS,
    load_data_set,
    split_backgrounds,
    split_distractors,
)
from train.names import is_named_like, left_out, note_of
from train.picture_file import files_below


@pytest.mark.parametrize(
    ("name", "label", "like"),
    [
        ("stamp_dishes_mug.webp", "mug", True),
        ("stamp_dishes_mug.webp", "Mugs", True),
        ("drawing_122_mr_mime.webp", "Mr. Mime", True),
        ("clip_rubberduck_01.webp", "rubber duck", True),
        ("clip_duck_yellow.webp", "rubber duck", False),
        ("smuggler.webp", "mug", False),
        ("sprite_133.png", "133", False),
        ("artwork_001.webp", "", False),
    ],
)
def test_a_name_is_like_a_label_word_by_word(name: str, label: str, *, like: bool) -> None:
    assert is_named_like(Path(name), ["teapot", label]) is like


def test_a_note_names_a_few() -> None:
    assert note_of([], "photos") is None
    said = note_of([Path("a/mug.png")] * 2, "photos")
    assert said == "left out 2 photos that are named like what shall be found: mug.png, mug.png"
    assert str(note_of([Path("mug.png")] * 9, "photos")).endswith("mug.png, mug.png, mug.png, …")


def test_nothing_that_comes_with_rtloc_is_named_like_its_own_classes() -> None:
    labels = [folder.name for folder in CUTOUTS.iterdir()]
    for folder in (DISTRACTORS, HELD_OUT_DISTRACTORS, PHOTOS):
        assert not left_out(files_below(folder, SUFFIXES | {".jpg"}), labels)


def test_every_pokemon_can_be_told_by_its_name() -> None:
    for label in ("Ivysaur", "Mr. Mime", "Blastoise"):
        assert left_out(files_below(DISTRACTORS, SUFFIXES), [label])


def test_an_early_stage_loads_no_drawings_of_other_things() -> None:
    assert not load_data_set("real-background", CUTOUTS, PHOTOS, 64, seed=0).training.distractors
    assert load_data_set("maybe-absent", CUTOUTS, PHOTOS, 64, seed=0).training.distractors


def test_what_comes_with_rtloc_is_left_out_where_it_is_named_like_a_label(tmp_path: Path) -> None:
    every, _, nothing = split_distractors(DISTRACTORS, ["Pikachu"])
    fewer, _, notes = split_distractors(DISTRACTORS, ["mug", "teapot"])
    assert nothing == ()
    assert len(fewer) < len(every)
    assert "drawings of other things that are named like" in notes[0]
    assert "stamp_dishes_mug.webp" in notes[0]
    kept, _, notes = split_backgrounds(PHOTOS, ["Cup"])
    assert len(kept) < len(split_backgrounds(PHOTOS)[0])
    assert "photos that are named like what shall be found" in notes[0]
    # of what is one's own nothing is, whatever its name
    for n, name in enumerate(("mug", "mug_2", "teapot")):
        (tmp_path / f"{name}.jpg").write_bytes(sorted(PHOTOS.glob("*.jpg"))[n].read_bytes())
    kept, held_out, notes = split_backgrounds(tmp_path, ["mug"])
    assert (len(kept) + len(held_out), notes) == (3, ())


def test_pictures_that_are_no_cut_outs_are_told_in_one_line(tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    (cut / "pot/more").mkdir(parents=True)
    shutil.copy(next(CUTOUTS.glob("*/*.webp")), cut / "pot/A.WEBP")
    (cut / "pot/notes.txt").touch()
    assert load_data_set("real-background", cut, PHOTOS, 64, 0, distractors=None).notes == ()
    for name in ("pot/b.JPG", "loose.png", "pot/more/c.png", "pot/d.gif"):
        (cut / name).touch()
    data = load_data_set("real-background", cut, PHOTOS, 64, 0, distractors=None)
    assert data.warnings(PHOTOS) == [
        f"left out of {cut}: loose.png, pot/b.JPG, pot/d.gif, … (4 in all); a cut-out is a PNG, "
        "WebP or SVG in the folder of its class"
    ]


def test_photos_and_drawings_that_are_not_used_are_told(tmp_path: Path) -> None:
    photos, drawings = tmp_path / "photos", tmp_path / "drawings"
    shutil.copytree(CUTOUTS / "Pikachu", drawings / "kind")
    (photos / "kitchen").mkdir(parents=True)
    for n, photo in enumerate(sorted(PHOTOS.glob("*.jpg"))[:2]):
        shutil.copy(photo, photos / f"{n}.jpg")
    assert split_backgrounds(photos)[2] == split_distractors(drawings)[2] == ()
    for unused in (photos / "kitchen/a.jpg", photos / "b.heic", drawings / "c.jpg"):
        unused.touch()
    assert split_backgrounds(photos)[2] == (
        f"left out of {photos}: b.heic, {Path('kitchen/a.jpg')} (2 in all); a photo is a JPEG, "
        "PNG, WebP, TIFF, GIF or BMP in the folder itself",
    )
    assert split_distractors(drawings)[2] == (
        f"left out of {drawings}: c.jpg (1 in all); a drawing is a PNG, WebP or SVG in the "
        "folder, or in one in it",
    )
    if sys.platform == "linux":  # elsewhere there are no such names
        (photos / "kitchen" / os.fsdecode(b"\xff")).mkdir()
        assert split_backgrounds(photos)[2] == ()
