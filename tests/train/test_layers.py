"""Pictures become layers and layers pictures, as exactly as bytes can tell."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from train.layers import premultiplied, unpremultiplied

PICTURES = arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(4)))


@given(PICTURES)
def test_colours_are_multiplied_by_their_alpha_and_alpha_stays(image: np.ndarray) -> None:
    layer = premultiplied(image)
    true = image[..., :3] * (image[..., 3:] / 255)
    assert np.abs(layer[..., :3] - true).max() <= 0.5 + 1e-4
    assert (layer[..., 3] == image[..., 3]).all()
    assert (layer[..., :3] <= layer[..., 3:]).all()


@given(PICTURES)
def test_a_picture_comes_back_as_exactly_as_its_layer_tells(image: np.ndarray) -> None:
    alpha = image[..., 3:].astype(float)
    back = unpremultiplied(premultiplied(image))
    seen = alpha[..., 0] > 0
    steps = 127.5 / np.maximum(alpha, 1) + 0.5 + 1e-4
    assert (np.abs(back[..., :3].astype(float) - image[..., :3]) <= steps)[seen].all()
    assert (back[~seen] == 0).all()


@given(PICTURES)
def test_a_layer_is_the_same_after_there_and_back(image: np.ndarray) -> None:
    layer = premultiplied(image)
    assert (premultiplied(unpremultiplied(layer)) == layer).all()
