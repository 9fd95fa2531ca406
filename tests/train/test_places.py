"""Where a run's pictures lie, as its checkpoint keeps it."""

from pathlib import Path

import pytest

from train import places
from train.data_set import CUTOUTS, DISTRACTORS, PHOTOS
from train.places import name_of, path_of
from train.recipe import Recipe


def test_what_comes_with_rtloc_is_found_wherever_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = Recipe()
    paths = {CUTOUTS, PHOTOS, DISTRACTORS, DISTRACTORS / "things"}
    names = {name_of(path) for path in paths}
    assert {recipe.cutouts, recipe.photos, recipe.distractors} < names
    assert all(str(Path.home()) not in name and "assets" not in name for name in names)
    assert {path_of(name) for name in names} == paths
    monkeypatch.setattr(places, "ASSETS", tmp_path)
    assert path_of(recipe.photos) == tmp_path / "photos"


def test_all_else_is_found_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    name = name_of(Path("mine/cutouts"))
    assert name == str(tmp_path / "mine/cutouts")
    monkeypatch.chdir("/")
    assert path_of(name) == tmp_path / "mine/cutouts"
