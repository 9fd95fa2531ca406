"""What lens, sensor and compression do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train import camera

SEEDS = st.integers(0, 2**32 - 1)


def picture(seed: int = 0, height: int = 24, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@given(SEEDS, st.floats(0.5, 8), st.sampled_from([3, 4]))
def test_blur_keeps_size_type_and_evenness(seed: int, reach: float, channels: int) -> None:
    even = np.full((40, 40, channels), 90, np.uint8)
    blurred = camera.blur(even, np.random.default_rng(seed), reach)
    assert (blurred.dtype, blurred.shape) == (np.uint8, even.shape)
    assert np.abs(blurred.astype(int) - 90).max() <= 1


def test_blur_smooths() -> None:
    image = picture(height=60, width=60)
    for seed in range(10):
        assert camera.blur(image, np.random.default_rng(seed), 4.0).std() < 0.95 * image.std()


@pytest.mark.parametrize("change", [camera.low_resolution, camera.jpeg, camera.film_frame])
@settings(max_examples=20)
@given(SEEDS, st.integers(16, 70), st.integers(16, 70))
def test_compression_keeps_the_size_and_changes_something(
    change, seed: int, width: int, height: int
) -> None:
    image = picture(seed, height, width)
    changed = change(image, np.random.default_rng(seed))
    assert (changed.shape, changed.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(changed, image)
    again = change(image, np.random.default_rng(seed))
    assert np.array_equal(changed, again)


def test_a_films_frame_looks_like_the_picture() -> None:
    image = np.tile(np.linspace(40, 200, 128).astype(np.uint8)[None, :, None], (96, 1, 3))
    for seed in range(5):
        frame = camera.film_frame(image, np.random.default_rng(seed))
        assert np.abs(frame.astype(int) - image).mean() < 6


def test_noise_has_the_strength_that_was_asked_for() -> None:
    bank = camera.noise_bank(0, 200)
    grey = np.full((200, 200, 3), 128, np.uint8)
    for sigma in (2.0, 10.0):
        noise = camera.add_noise(grey, np.random.default_rng(1), bank, sigma).astype(float) - 128
        assert abs(noise.std() - sigma) < 0.05 * sigma
        assert abs(noise.mean()) < 0.2
