"""Arrays that several processes have without a copy for each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from full_disk import full_disk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from train import shared
from train.errors import TrainError

KINDS = st.sampled_from([np.uint8, np.float32, np.int64, np.bool_])


@given(st.lists(arrays(KINDS, array_shapes(min_dims=0, min_side=0)), max_size=4))
def test_what_is_read_is_what_was_written(some: list[np.ndarray]) -> None:
    thing = {"some": some, "turned": [one.T for one in some], "rest": (1, "ü")}
    with shared.in_a_file(thing) as path:
        found = shared.read(path)
    assert found["rest"] == (1, "ü")
    for name in ("some", "turned"):
        for one, own in zip(found[name], thing[name], strict=True):
            assert one.dtype == own.dtype
            np.testing.assert_array_equal(one, own)


def test_arrays_are_the_files_own_and_changed_for_oneself_alone() -> None:
    large = np.arange(1 << 20, dtype=np.uint32)
    with shared.in_a_file([large, large]) as path:
        assert path.stat().st_size < 1.01 * large.nbytes
        first, second = shared.read(path), shared.read(path)
        assert first[0] is first[1]
        assert not first[0].flags.owndata
        first[0][0] = 7
        assert (first[0][0], second[0][0], large[0]) == (7, 0, 0)


def test_the_file_is_gone_when_it_is_needed_no_more() -> None:
    with shared.in_a_file(np.zeros(9)) as path:
        assert path.exists()
    assert not path.parent.exists()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with (
        full_disk(1000),
        pytest.raises(TrainError, match=r"cannot write .*: .*; TMPDIR names another folder"),
        shared.in_a_file(np.zeros(1000)),
    ):
        pass
    assert not list(tmp_path.iterdir())
