"""What the tests of the live tool share: the shipped model, opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtloc.localizer import Localizer


@pytest.fixture(scope="module")
def localizer() -> Iterator[Localizer]:
    with Localizer() as one:
        yield one
