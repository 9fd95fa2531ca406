"""Changes of light, colour and sharpness."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train import light

SEEDS = st.integers(0, 2**32 - 1)


def picture(seed: int = 0, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(SEEDS)
def test_strength_0_changes_nothing(seed: int) -> None:
    image = picture(seed)
    cast = light.colour_cast(np.random.default_rng(seed), 0.0)
    assert np.array_equal(light.apply_cast(image, cast), image)


def test_a_cast_is_a_matrix_and_an_offset_cut_at_the_ends_of_the_scale() -> None:
    image = np.array([[[10, 100, 200]]], np.uint8)
    matrix = np.array([[2, 0, 0], [0, 2, 0], [0, 0, 2]], np.float32)
    offset = np.array([-30, 5, 0], np.float32)
    assert light.apply_cast(image, (matrix, offset)).tolist() == [[[0, 205, 255]]]


@given(SEEDS, st.floats(0, 1))
def test_a_layer_is_lit_as_a_picture_is_and_keeps_its_alpha(seed: int, part: float) -> None:
    image = picture(seed)
    cast = light.colour_cast(np.random.default_rng(seed), 1.0)
    layer = np.full((*image.shape[:2], 4), 255 * part, np.float32)
    layer[..., :3] = image * part
    lit = light.apply_cast_premultiplied(layer, cast)
    assert np.allclose(lit[..., 3], layer[..., 3])
    assert np.abs(lit[..., :3] - light.apply_cast(image, cast) * part).max() <= 1
    assert (lit[..., :3] >= 0).all()


@given(SEEDS, st.floats(0.5, 8))
def test_blur_keeps_size_type_and_evenness(seed: int, reach: float) -> None:
    even = np.full((40, 40, 3), 90, np.uint8)
    blurred = light.blur(even, np.random.default_rng(seed), reach)
    assert blurred.dtype == np.uint8
    assert np.abs(blurred.astype(int) - 90).max() <= 1


def test_blur_smooths() -> None:
    image = picture(height=60, width=60)
    for seed in range(10):
        assert light.blur(image, np.random.default_rng(seed), 4.0).std() < 0.95 * image.std()


@given(SEEDS)
def test_low_resolution_and_jpeg_keep_the_size(seed: int) -> None:
    image = picture(seed, 31, 47)
    for change in (light.low_resolution, light.jpeg):
        changed = change(image, np.random.default_rng(seed))
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert not np.array_equal(changed, image)


def test_noise_has_the_strength_that_was_asked_for() -> None:
    bank = np.random.default_rng(0).standard_normal((264, 264, 3), np.float32)
    grey = np.full((200, 200, 3), 128, np.uint8)
    for sigma in (2.0, 10.0):
        noise = light.add_noise(grey, np.random.default_rng(1), bank, sigma).astype(float) - 128
        assert abs(noise.std() - sigma) < 0.05 * sigma
        assert abs(noise.mean()) < 0.2
