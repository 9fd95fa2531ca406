"""Loading cut-outs: what is taken, what is refused and why."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.cutouts import SMALLEST_LEVEL_PX, cutout_from_bgra, load_cutouts, read_bgra
from train.data_set import CUTOUTS
from train.errors import TrainError


def square(alpha: int = 255, kind: type = np.uint8) -> np.ndarray:
    """A picture of 40×50 px, empty but for a coloured rectangle of 20×30 px at (5, 10)."""
    image = np.zeros((50, 40, 4), kind)
    image[10:40, 5:25] = (10, 100, 200, alpha)
    return image


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
    assert labels == ("Bulbasaur", "Charmander", "Squirtle")
    assert sorted(c.class_id for c in cutouts) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for cutout in cutouts:
        for level in cutout.levels:
            assert level.dtype == np.float32
            assert level.shape[2] == 4
            # premultiplied: no colour is stronger than the alpha that it lies under
            assert (level[..., :3] <= level[..., 3:] + 0.01).all()


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
    assert cutout.levels[0].shape == (30, 20, 4)
    assert np.abs(cutout.levels[0] - (10, 100, 200, 255)).max() <= 2  # WebP may lose a little


def test_half_alpha_halves_the_colour() -> None:
    cutout = cutout_from_bgra(square(alpha=51), class_id=3)
    assert cutout.class_id == 3
    assert np.allclose(cutout.levels[0], (2, 20, 40, 51))


def test_hardly_visible_pixels_are_trimmed_off() -> None:
    image = square()
    image[0, 0] = image[49, 39] = (0, 0, 0, 8)
    assert cutout_from_bgra(image, 0).levels[0].shape == (30, 20, 4)


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
    image[10:40, 5:25] = (10 * 256 + 200, 100 * 256 + 17, 200 * 256 + 99, 65535)
    read = read_bgra(put(tmp_path, "a.png", image))
    assert read.dtype == np.uint8
    assert (read[10:40, 5:25] == (10, 100, 200, 255)).all()


def test_each_level_of_the_pyramid_is_half_the_one_before() -> None:
    cutout = cutout_from_bgra(np.full((200, 400, 4), 255, np.uint8), 0)
    shapes = [level.shape[:2] for level in cutout.levels]
    assert shapes == [(200, 400), (100, 200), (50, 100), (25, 50)]
    assert all(min(shape) >= SMALLEST_LEVEL_PX for shape in shapes)
    for level in cutout.levels:
        assert np.allclose(level, 255, atol=1e-3)


def test_a_level_averages_the_pixels_of_the_one_before() -> None:
    stripes = np.zeros((100, 100, 4), np.uint8)
    stripes[:, ::2] = 255
    stripes[:, -1] = 255  # so that the trim takes nothing off
    level = cutout_from_bgra(stripes, 0).levels[1]
    assert level.shape == (50, 50, 4)
    assert np.allclose(level[:, :-1], 127.5)


def test_a_single_pixel_is_a_cutout() -> None:
    assert cutout_from_bgra(np.full((1, 1, 4), 255, np.uint8), 0).levels[0].shape == (1, 1, 4)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("a.png", square()[..., :3].copy(), "has no alpha channel"),
        ("a.png", square()[..., 0].copy(), "has no alpha channel"),
        ("a.png", square(alpha=0), "nothing in the picture can be seen"),
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
