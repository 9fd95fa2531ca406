"""Changes of light and colour."""

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
    assert np.abs(light.apply_cast(image, cast).astype(int) - image).max() <= 1


def test_a_cast_is_a_matrix_and_an_offset_cut_at_the_ends_of_the_scale() -> None:
    image = np.array([[[10, 100, 200]]], np.uint8)
    cast = np.array([[2, 0, 0, -30], [0, 2, 0, 5], [0, 0, 2, 0]], np.float32)
    assert light.apply_cast(image, cast).tolist() == [[[0, 205, 255]]]


@given(SEEDS, st.tuples(*[st.integers(60, 190)] * 3))
def test_other_colours_are_as_far_from_grey_as_before(seed: int, colour: tuple) -> None:
    cast = light.other_colours(np.random.default_rng(seed)).astype(float)
    before, after = np.array(colour), cast @ (*colour, 1)
    is_negative = cast[0, 3] == 255
    mean = 255 - before.mean() if is_negative else before.mean()
    assert abs(after.mean() - mean) < 1e-3
    lengths = [np.linalg.norm(c - c.mean()) for c in (before, after)]
    assert abs(lengths[0] - lengths[1]) < 1e-3


@given(SEEDS, st.integers(0, 255))
def test_a_layer_is_lit_as_a_picture_is_and_keeps_its_alpha(seed: int, alpha: int) -> None:
    image = picture(seed) // 2  # so that nothing is cut at white on the way
    cast = light.colour_cast(np.random.default_rng(seed), 0.5)
    layer = np.full((*image.shape[:2], 4), alpha, np.uint8)
    layer[..., :3] = np.round(image * (alpha / 255))
    lit = light.apply_cast_to_layer(layer, cast)
    assert (lit[..., 3] == alpha).all()
    assert (lit[..., :3] <= alpha).all()
    wanted = light.apply_cast(image, cast) * (alpha / 255)
    # colours are rounded before and after, and cut at black before the offset is added
    assert np.abs(lit[..., :3] - np.minimum(wanted, alpha)).max() <= 20
    assert np.abs(lit[..., :3] - np.minimum(wanted, alpha)).mean() <= 2


@given(SEEDS, st.integers(2, 60), st.integers(2, 60))
def test_shading_darkens_one_side_and_keeps_alpha(seed: int, width: int, height: int) -> None:
    layer = np.full((height, width, 4), 200, np.uint8)
    shaded = light.shade(layer, np.random.default_rng(seed))
    assert shaded.shape == layer.shape
    assert (shaded[..., 3] == 200).all()
    assert shaded[..., :3].max() <= 200
    assert shaded[..., :3].min() >= 0.44 * 200
