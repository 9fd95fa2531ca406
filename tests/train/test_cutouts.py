"""Loading cut-outs: what is taken, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from exif import exif_of, png_with_exif, webp_with_exif

from train.cutouts import (
    SMALLEST_LEVEL_PX,
    cutout_from_bgra,
    load_cutouts,
    load_distractors,
    read_bgra,
)
from train.data_set import CUTOUTS
from train.errors import TrainError


def square(alpha: int = 255, kind: type = np.uint8) -> np.ndarray:
    """A picture of 150×160 px, empty but for a coloured rectangle of 130×140 px at (5, 10)."""
    image = np.zeros((160, 150, 4), kind)
    image[10:150, 5:135] = (10, 100, 200, alpha)
    return image


BORDER = 2


def put(folder: Path, name: str, data: np.ndarray | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        assert cv2.imwrite(str(path), data)
    return path


def test_the_shipped_cutouts_load_with_their_labels() -> None:
    labels, cutouts = load_cutouts(CUTOUTS)
    assert labels == ("Bulbasaur", "Charmander", "Pikachu", "Squirtle")
    # a drawing, official artwork, an icon and eight sprites; those in their pixels and drawn anew
    assert sorted(c.class_id for c in cutouts) == [n for n in range(4) for _ in range(20)]
    for cutout in cutouts:
        for level in cutout.levels:
            assert level.dtype == np.uint8
            assert level.shape[2] == 4
            # premultiplied: no colour is stronger than the alpha that it lies under
            assert (level[..., :3] <= level[..., 3:]).all()


def test_labels_are_the_folders_names_in_order(tmp_path: Path) -> None:
    for name in ("zebra", "ant", "Pokémon"):
        put(tmp_path, f"{name}/a.png", square())
    put(tmp_path, ".hidden/a.png", square())
    put(tmp_path, "readme.txt", b"not a class")
    labels, cutouts = load_cutouts(tmp_path)
    assert labels == ("Pokémon", "ant", "zebra")
    assert [c.class_id for c in cutouts] == [0, 1, 2]


@pytest.mark.parametrize("name", ["a.png", "a.webp", "A.PNG"])
def test_a_picture_is_trimmed_and_premultiplied(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"cat/{name}", square(alpha=255))
    _, (cutout,) = load_cutouts(tmp_path)
    assert cutout.levels[0].shape == (140 + 2 * BORDER, 130 + 2 * BORDER, 4)
    inside = cutout.levels[0][BORDER:-BORDER, BORDER:-BORDER].astype(int)
    assert np.abs(inside - (10, 100, 200, 255)).max() <= 2  # WebP may lose a little


def test_half_alpha_halves_the_colour() -> None:
    cutout = cutout_from_bgra(square(alpha=153), class_id=3)
    assert cutout.class_id == 3
    inside = cutout.levels[0][BORDER:-BORDER, BORDER:-BORDER]
    assert (inside == (6, 60, 120, 153)).all()


def test_hardly_visible_pixels_are_trimmed_off() -> None:
    image = square()
    image[0, 0] = image[159, 149] = (0, 0, 0, 8)
    assert cutout_from_bgra(image, 0).levels[0].shape == (144, 134, 4)


def test_pixel_art_is_loaded_in_its_pixels_and_drawn_anew(tmp_path: Path) -> None:
    sprite = np.zeros((40, 30, 4), np.uint8)
    sprite[5:35, 5:25] = (20, 40, 200, 255)
    put(tmp_path, "cat/a.png", sprite)
    _, cutouts = load_cutouts(tmp_path)
    assert len(cutouts) == 2
    pixels, drawn = (c.levels[0] for c in cutouts)
    assert set(np.unique(pixels[..., 3])) == {0, 255}
    corner = BORDER, BORDER
    assert (pixels[corner][3], drawn[corner][3]) == (255, 0)  # which is round
    for level in (pixels, drawn):
        height, width = level.shape[:2]
        assert height / width == pytest.approx(30 / 20, abs=0.1)


def test_an_svg_is_drawn_512_pixels_high(tmp_path: Path) -> None:
    drawing = (
        b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='20'>"
        b"<rect x='0' y='0' width='10' height='20' fill='#ff0000'/></svg>"
    )
    image = read_bgra(put(tmp_path, "a.svg", drawing))
    assert image.shape == (512, 256, 4)
    assert (image == (0, 0, 255, 255)).all()


def test_sixteen_bits_a_channel_become_eight(tmp_path: Path) -> None:
    image = square(kind=np.uint16)
    image[10:150, 5:135] = (10 * 256 + 200, 100 * 256 + 17, 200 * 256 + 99, 65535)
    read = read_bgra(put(tmp_path, "a.png", image))
    assert read.dtype == np.uint8
    assert (read[10:150, 5:135] == (10, 100, 200, 255)).all()


TURNS = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: np.rot90(image, 2),
    4: lambda image: image[::-1],
    5: lambda image: np.rot90(image[:, ::-1]),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image[:, ::-1], -1),
    8: np.rot90,
}


def lying(path: Path, orientation: int, exif: bytes | None = None) -> np.ndarray:
    """Write a picture with alpha and EXIF data, and return its pixels as they lie in the file."""
    image = np.random.default_rng(0).integers(1, 256, (6, 9, 4), np.uint8)
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101]
    data = cv2.imencode(path.suffix, image, lossless if path.suffix == ".webp" else [])[1].tobytes()
    exif = exif_of(orientation) if exif is None else exif
    webp = path.suffix == ".webp"
    path.write_bytes(webp_with_exif(data, exif, (9, 6)) if webp else png_with_exif(data, exif))
    return image


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_cutout_is_turned_as_its_exif_data_says(
    tmp_path: Path, name: str, orientation: int
) -> None:
    upright = TURNS[orientation](lying(tmp_path / name, orientation))
    assert np.array_equal(read_bgra(tmp_path / name), upright)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_exif_data_in_another_order_or_with_a_header_are_read_too(
    tmp_path: Path, name: str
) -> None:
    for exif in (exif_of(6, "<"), b"Exif\0\0" + exif_of(6)):
        image = lying(tmp_path / name, 6, exif)
        assert np.array_equal(read_bgra(tmp_path / name), np.rot90(image, -1))


@pytest.mark.parametrize("exif", [b"", b"MM", exif_of(6)[:20], exif_of(9), exif_of(0), bytes(40)])
@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_exif_data_that_tell_no_orientation_turn_nothing(
    tmp_path: Path, name: str, exif: bytes
) -> None:
    image = lying(tmp_path / name, 1, exif)
    assert np.array_equal(read_bgra(tmp_path / name), image)


def test_each_level_of_the_pyramid_is_half_the_one_before() -> None:
    cutout = cutout_from_bgra(np.full((200, 400, 4), 255, np.uint8), 0)
    shapes = [level.shape[:2] for level in cutout.levels]
    assert shapes == [(204, 404), (102, 202), (51, 101), (25, 50)]
    assert all(min(shape) >= SMALLEST_LEVEL_PX for shape in shapes)
    for level in cutout.levels:
        assert (level[2:-2, 2:-2] == 255).all()


def test_a_level_averages_the_pixels_of_the_one_before() -> None:
    stripes = np.zeros((100, 100, 4), np.uint8)
    stripes[:, ::2] = 255
    stripes[:, -1] = 255  # so that the trim takes nothing off
    level = cutout_from_bgra(stripes, 0).levels[1]
    assert level.shape == (52, 52, 4)
    assert (np.abs(level[1:-1, 1:-2].astype(int) - 128) <= 1).all()


def test_a_photo_of_an_object_is_made_no_larger_than_it_can_be_needed() -> None:
    cutout = cutout_from_bgra(np.full((596, 2996, 4), 255, np.uint8), 0)
    assert cutout.levels[0].shape == (205, 1024, 4)
    assert np.ptp(cutout.outline[:, 0]) == pytest.approx(1, abs=3e-3)
    thin = cutout_from_bgra(np.full((5, 3000, 4), 255, np.uint8), 0)
    assert thin.levels[0].shape == (9, 3004, 4)


def test_line_art_of_which_nothing_is_left_when_it_is_shrunk_is_named(tmp_path: Path) -> None:
    image = np.zeros((4096, 4096, 4), np.uint8)
    for x in range(100, 4000, 97):
        cv2.line(image, (x, 100), (x + 50, 4000), (0, 0, 0, 255), 1)
    path = put(tmp_path, "cat/a.png", image)
    with pytest.raises(
        TrainError, match=r"nothing can be seen at .*; draw it with thick"
    ) as caught:
        load_cutouts(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_cutout_too_faint_to_get_a_box_is_named(tmp_path: Path) -> None:
    faint = square(alpha=120)
    faint[10, 5:15, 3] = 255
    path = put(tmp_path, "cat/a.png", faint)
    with pytest.raises(TrainError, match=r"a\.png is too faint .*; make the object opaque"):
        load_cutouts(tmp_path)
    assert len(load_distractors(path.parent)) == 1  # which need no box
    faint[10:12, 5:25, 3] = 255
    put(tmp_path, "cat/a.png", faint)
    assert len(load_cutouts(tmp_path)[1]) == 1


def test_one_picture_of_a_class_that_is_too_small_is_named(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", square())
    path = put(tmp_path, "cat/b.png", np.full((15, 9, 4), 255, np.uint8))
    with pytest.raises(TrainError, match="9×15 px; use a picture of at least 16 px") as caught:
        load_cutouts(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


def test_an_object_of_a_few_pixels_is_too_small(tmp_path: Path) -> None:
    path = put(tmp_path, "cat/a.png", square()[:20, :15].copy())
    with pytest.raises(TrainError, match="10×10 px; use a picture of at least 16 px") as caught:
        load_cutouts(tmp_path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.png", square()[..., :3].copy(), "has no alpha channel"),
        ("a.png", square()[..., 0].copy(), "has no alpha channel"),
        ("a.png", square(alpha=0), r"nothing can be seen \(every alpha is below 100 of 255\)"),
        ("a.png", b"hello", "cannot read"),
        ("a.png", b"", "cannot read"),
        ("a.webp", b"RIFF....WEBP", "cannot read"),
        ("a.svg", b"hello", "cannot draw"),
        ("a.svg", b"", "cannot draw"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "can be seen"),
    ],
)
def test_an_unusable_picture_is_named(
    tmp_path: Path, name: str, data: np.ndarray | bytes, says: str
) -> None:
    path = put(tmp_path, f"cat/{name}", data)
    with pytest.raises(TrainError, match=says) as caught:
        load_cutouts(tmp_path)
    assert str(caught.value).count(str(path)) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_a_folder_with_the_name_of_a_picture_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "cat" / name).mkdir(parents=True)
    with pytest.raises(TrainError, match=name):
        load_cutouts(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"no folder of cut-outs at .*nowhere"):
        load_cutouts(tmp_path / "nowhere")


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.png", square())
    with pytest.raises(TrainError, match="has no sub-folders"):
        load_cutouts(tmp_path)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", square())
    put(tmp_path, "dog/a.txt", b"no picture")
    with pytest.raises(TrainError, match=r"no PNG, WebP or SVG cut-outs in .*dog"):
        load_cutouts(tmp_path)


def test_classes_that_differ_in_letter_case_alone_are_refused(tmp_path: Path) -> None:
    for label in ("mug", "Mug"):
        (tmp_path / label).mkdir()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("here a folder's name has no letter case")
    with pytest.raises(TrainError, match="has the classes Mug and mug; rename one, or join them"):
        load_cutouts(tmp_path)
