"""Checkpoints: whole or not at all, and never code."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train.checkpoint import load_checkpoint, save_checkpoint
from train.errors import TrainError

STATE = {
    "recipe": {"steps": 8},
    "shape": {"size": 64},
    "step": 7,
    "labels": ["cat", "Pokémon"],
    "figures": None,
    "network": {"weight": torch.arange(12.0).reshape(3, 4), "count": torch.tensor(3)},
    "averaged": {"weight": torch.arange(12.0).reshape(3, 4)},
}
each_example_overwrites = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "last.pt"
    save_checkpoint(path, STATE)
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "last.pt"
    save_checkpoint(path, STATE)
    return path.read_bytes()


def refusal(path: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TrainError) as caught:
            load_checkpoint(path)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def test_what_was_saved_is_read_again(path: Path) -> None:
    state = load_checkpoint(path)
    assert {k: state[k] for k in ("step", "labels", "figures")} == {
        k: STATE[k] for k in ("step", "labels", "figures")
    }
    assert state["network"]["weight"].equal(STATE["network"]["weight"])
    assert state["network"]["count"].dtype == torch.int64
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]


def test_a_new_checkpoint_replaces_the_old_one(path: Path) -> None:
    save_checkpoint(path, {**STATE, "step": 8})
    assert load_checkpoint(path)["step"] == 8


def test_the_old_checkpoint_stays_if_the_new_one_cannot_be_written(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises((pickle.PicklingError, AttributeError)):
        save_checkpoint(path, {**STATE, "step": 8, "made by": lambda: None})
    assert path.read_bytes() == before


def test_a_checkpoint_whose_folder_is_gone_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "last.pt"
    with pytest.raises(TrainError, match="gone is gone; mend that") as caught:
        save_checkpoint(gone, STATE)
    assert str(gone) in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_on_a_full_disk_the_old_checkpoint_stays(path: Path) -> None:
    before = path.read_bytes()
    path.with_name(f".{path.name}.part").symlink_to("/dev/full")
    with pytest.raises(TrainError, match="the disk is full"):
        save_checkpoint(path, {**STATE, "step": 8})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    assert "no checkpoint at" in refusal(tmp_path / "last.pt")
    assert "no checkpoint at" in refusal(tmp_path)


@each_example_overwrites
@given(part=st.floats(0, 1, exclude_max=True))
def test_a_checkpoint_cut_short_is_refused(path: Path, whole: bytes, part: float) -> None:
    path.write_bytes(whole[: int(part * len(whole))])
    assert "is damaged or no checkpoint" in refusal(path)


@each_example_overwrites
@given(changes=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=4))
def test_a_changed_byte_gives_a_checkpoint_or_one_line(
    path: Path, whole: bytes, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(whole)
    for place, byte in changes:
        data[int(place * len(data))] = byte
    path.write_bytes(data)
    try:
        load_checkpoint(path)
    except TrainError as error:
        assert "\n" not in str(error)


@each_example_overwrites
@given(data=st.binary(max_size=100))
def test_random_bytes_are_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    refusal(path)


@pytest.mark.parametrize("text", ["import os\n", "hello, world\n", "{}", "", "solver: sgd\n"])
def test_a_text_is_refused(path: Path, text: str) -> None:
    path.write_text(text)
    assert "is damaged or no checkpoint" in refusal(path)


@pytest.mark.parametrize("other", [[1, 2], {"step": 1}, {"format": "rtloc-checkpoint-0"}])
def test_another_format_is_refused(path: Path, other: object) -> None:
    torch.save(other, path)
    assert "is no checkpoint of this version of rtloc" in refusal(path)


@pytest.mark.parametrize("part", ["recipe", "shape", "labels", "figures", "averaged"])
def test_one_without_a_part_is_refused(path: Path, part: str) -> None:
    save_checkpoint(path, {k: v for k, v in STATE.items() if k != part})
    assert "is no checkpoint of this version of rtloc; train again" in refusal(path)


class Booby:
    """What an attacker would put into a checkpoint: unpickling it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


def test_a_checkpoint_with_code_is_refused_and_the_code_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "last.pt", tmp_path / "trace"
    torch.save({"format": "rtloc-checkpoint-1", "step": Booby(trace)}, path)
    assert "is damaged or no checkpoint" in refusal(path)
    assert not trace.exists()
    with path.open("wb") as file:
        pickle.dump(Booby(trace), file)
    refusal(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.is_dir()  # so the trap was real


def test_a_whole_network_is_refused(path: Path) -> None:
    torch.save({"format": "rtloc-checkpoint-1", "network": torch.nn.Linear(2, 2)}, path)
    refusal(path)
