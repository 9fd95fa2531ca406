"""Pictures without objects that a network is wrongly sure of: found, kept, added to batches."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from train import hard_pictures
from train.batches import Batch, GeneratedBatches
from train.checkpoint import load_checkpoint
from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.errors import TrainError
from train.generator import PictureMaker, picture_maker
from train.hard_pictures import (
    AT_ONCE,
    SEARCHED,
    Hard,
    HardPictures,
    by_size,
    hard_pictures_of,
    rated,
)
from train.network import OBJECTNESS, GridNetwork, NetworkShape, rows_of
from train.recipe import Recipe
from train.stages import MAYBE_ABSENT, STAGES
from train.team import Team
from train.trainer import Progress, Trainer, resume

LABELS = ("Bulbasaur", "Charmander", "Pikachu", "Squirtle")
SHAPE = NetworkShape(4, 64, (8, 8, 8, 8), (0, 0, 0))
RECIPE = Recipe(stage="multi-class", steps=6, batch_size=4, warmup_steps=3, hard_part=0.5, seed=3)


@pytest.fixture(scope="module")
def maker() -> PictureMaker:
    rng = np.random.default_rng(0)
    photos = [rng.integers(0, 256, (96, 128, 3)).astype(np.uint8) for _ in range(3)]
    stage = replace(MAYBE_ABSENT, classes=None)
    return picture_maker(stage, load_cutouts(CUTOUTS)[1], photos, 64, seed=3)


@pytest.fixture(scope="module")
def network() -> GridNetwork:
    torch.manual_seed(1)
    return GridNetwork(SHAPE).eval()


@pytest.fixture
def searched(maker: PictureMaker, network: GridNetwork) -> HardPictures:
    hard = HardPictures(empty(maker), 3, seed=7)
    hard.search(network)
    return hard


def empty(maker: PictureMaker) -> PictureMaker:
    others = maker.without_objects()
    assert others is not None
    return others


def sureness(network: GridNetwork, image: np.ndarray) -> float:
    with torch.no_grad():
        seen = network.see(torch.from_numpy(image)[None])
    return rows_of(seen.levels)[..., OBJECTNESS].max().item()


def indices(hard: HardPictures) -> dict[tuple[int, int], list[int]]:
    return {size: [one.index for one in kept] for size, kept in hard.kept.items()}


def test_pictures_without_objects_have_none_and_are_not_those_of_training(
    maker: PictureMaker,
) -> None:
    others = empty(maker)
    assert not any(len(others.make(n).boxes) for n in range(40))
    absent = replace(maker, stage=replace(maker.stage, p_absent=1.0))
    assert not np.array_equal(others.make(0, (1, 1)).image, absent.make(0, (1, 1)).image)


def test_a_stage_that_knows_no_picture_without_objects_has_none(maker: PictureMaker) -> None:
    for stage in ("charmander", "real-background"):
        assert replace(maker, stage=STAGES[stage]).without_objects() is None


def test_the_surest_of_all_that_were_made_are_kept(
    maker: PictureMaker, network: GridNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hard_pictures, "SEARCHED", 6)
    monkeypatch.setattr(hard_pictures, "KEPT", 10)
    others = replace(empty(maker), size=128)  # so that not all are square
    hard = HardPictures(others, 3)
    made: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for search in (1, 2):
        hard.search(network)
        for n in range((search - 1) * 6 * AT_ONCE, search * 6 * AT_ONCE):
            image = others.make(n, others.aspect(n // AT_ONCE)).image
            height, width = image.shape[:2]
            made.setdefault((height, width), []).append((sureness(network, image), n))
        assert hard.searched == 6 * search
        assert hard.kept.keys() == made.keys()
        for size, kept in hard.kept.items():
            best = sorted(made[size], reverse=True)[:10]
            got = [one.sureness for one in kept]
            assert got == sorted(got, reverse=True)
            assert got == pytest.approx([s for s, _ in best], abs=1e-3)
            assert {one.index for one in kept} <= {n for _, n in made[size]}
    assert len(made) > 1


def test_those_kept_are_the_surest_as_if_all_were_rated_together(
    maker: PictureMaker, network: GridNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hard_pictures, "SEARCHED", 5)
    monkeypatch.setattr(hard_pictures, "KEPT", 40)
    others = replace(empty(maker), size=128)
    hard = HardPictures(others, 3)
    every: list[Hard] = []
    for search in range(3):
        hard.search(network)
        for n in range(search * 5 * AT_ONCE, (search + 1) * 5 * AT_ONCE):
            image = others.make(n, others.aspect(n // AT_ONCE)).image
            every.append(Hard(n, torch.from_numpy(image)))
        simple = {
            size: sorted(rated(network, alike), key=lambda one: -one.sureness)[:40]
            for size, alike in by_size(every).items()
        }
        every = [one for kept in simple.values() for one in kept]
        assert list(hard.kept) == list(simple)
        for size, kept in hard.kept.items():
            assert [one.index for one in kept] == [one.index for one in simple[size]]
            assert [one.sureness for one in kept] == pytest.approx(
                [one.sureness for one in simple[size]], abs=1e-4
            )
            assert all(a.frame.equal(b.frame) for a, b in zip(kept, simple[size], strict=True))


def test_a_search_holds_no_more_than_it_keeps_and_one_batch(
    maker: PictureMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hard_pictures, "SEARCHED", 6)
    monkeypatch.setattr(hard_pictures, "KEPT", 10)
    held: list[int] = []

    def count(*_: object) -> None:
        alive = (one for one in gc.get_objects() if type(one) is Hard)
        held.append(len({id(one.frame) for one in alive}))

    network = GridNetwork(SHAPE).eval()
    next(network.children()).register_forward_pre_hook(count)
    hard = HardPictures(empty(maker), 3)
    gc.collect()
    count()
    before = held[0]  # of other tests
    for _ in range(2):
        hard.search(network)
    assert len(held) > 12
    assert max(held) - before <= 2 * 10 * len(hard.kept) + AT_ONCE


def test_fewer_of_each_size_are_kept_where_there_are_many(
    maker: PictureMaker, network: GridNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hard_pictures, "SEARCHED", 12)
    aspects = tuple((wide, 4) for wide in range(1, 5))
    others = replace(empty(maker), size=128, stage=replace(maker.stage, aspects=aspects))
    monkeypatch.setattr(hard_pictures, "KEPT_OF_ALL", 48)
    for count, each in ((3, 12), (20, 20)):
        hard = HardPictures(others, count)
        hard.search(network)
        assert [len(kept) for kept in hard.kept.values()] == [each] * 4


def test_what_is_kept_takes_no_more_memory_than_its_pixels(searched: HardPictures) -> None:
    for kept in searched.kept.values():
        for one in kept:
            assert one.frame.untyped_storage().nbytes() == one.frame.numel()


def test_a_batch_gets_pictures_in_which_no_cell_speaks(
    maker: PictureMaker, network: GridNetwork, searched: HardPictures
) -> None:
    batch = GeneratedBatches(maker, 4)[0]
    more = searched.add_to(batch, 5, network)
    assert more.frames.shape == (7, *batch.frames.shape[1:])
    assert more.frames[:4].equal(batch.frames)
    assert more.targets.owner[:4].equal(batch.targets.owner)
    assert more.targets.boxes is batch.targets.boxes
    assert (more.targets.owner[4:] == -1).all()
    assert more.targets.counts[4:].all()
    height, width = batch.frames.shape[1:3]
    kept = [one.frame for one in searched.kept[height, width]]
    assert all(any(frame.equal(one) for one in kept) for frame in more.frames[4:])


def test_steps_draw_others_and_the_same_step_the_same(
    maker: PictureMaker, network: GridNetwork, searched: HardPictures
) -> None:
    batch = GeneratedBatches(maker, 4)[0]

    def drawn(step: int) -> torch.Tensor:
        return searched.add_to(batch, step, network).frames[4:]

    assert drawn(5).equal(drawn(5))
    assert not drawn(5).equal(drawn(6))


def test_a_team_shares_what_is_drawn(
    maker: PictureMaker, network: GridNetwork, searched: HardPictures
) -> None:
    batch = GeneratedBatches(maker, 4)[0]
    parts = []
    for rank in range(3):
        one = HardPictures(searched.maker, 3, seed=7, team=Team(rank, 3))
        one.kept = searched.kept
        parts.append(one.add_to(batch, 5, network).frames[4:])
    assert torch.cat(parts).equal(searched.add_to(batch, 5, network).frames[4:])


def test_each_of_a_team_adds_as_many_where_few_are_kept(
    maker: PictureMaker, network: GridNetwork, searched: HardPictures
) -> None:
    batch = GeneratedBatches(maker, 4)[0]
    for kept, each in ((5, 2), (4, 2), (1, 0)):
        for rank in range(2):
            one = HardPictures(searched.maker, 8, seed=7, team=Team(rank, 2))
            one.kept = {size: hard[:kept] for size, hard in searched.kept.items()}
            assert len(one.add_to(batch, 5, network).frames) == 4 + each


@pytest.mark.parametrize(
    ("part", "batch_size", "team_size", "count"),
    [
        *((0.25, 32, 1, 8), (0.25, 32, 2, 8), (0.25, 32, 8, 8), (0.25, 32, 16, 16)),
        *((0.25, 16, 1, 4), (0.25, 16, 2, 4), (0.25, 16, 8, 8)),
        *((0.1, 32, 1, 3), (0.1, 32, 2, 4), (0.1, 32, 8, 8)),
        *((0.9, 4, 1, 3), (0.9, 4, 2, 2), (0.9, 32, 8, 24)),
    ],
)
def test_a_part_of_the_whole_batch_is_hard_whoever_shares_it(
    maker: PictureMaker, part: float, batch_size: int, team_size: int, count: int
) -> None:
    recipe = replace(RECIPE, batch_size=batch_size, hard_part=part)
    for rank in range(team_size):
        hard = hard_pictures_of(recipe, maker, 0, 0, Team(rank, team_size))
        assert hard is not None
        assert hard.count == count


def test_a_team_leaves_out_the_pictures_that_one_alone_does(maker: PictureMaker) -> None:
    whole = GeneratedBatches(maker, 16, room=4)[2]
    assert len(whole.frames) == 12
    for size in (2, 4):
        parts = [GeneratedBatches(maker, 16, Team(n, size), room=4)[2] for n in range(size)]
        assert {len(part.frames) for part in parts} == {12 // size}
        assert torch.cat([part.frames for part in parts]).equal(whole.frames)


@pytest.mark.parametrize(
    ("changes", "team", "says"),
    [
        ({"hard_part": 0.1}, Team(), r"a batch of 4 has no room for a hard part of 0\.1; "),
        ({"hard_part": 0.5}, Team(3, 4), r"a batch of 4 in 4 processes has no room"),
        ({"hard_part": 0.9, "batch_size": 1}, Team(), r"a batch of 1 has no room"),
    ],
)
def test_a_batch_without_room_for_one_is_refused(
    maker: PictureMaker, changes: dict[str, Any], team: Team, says: str
) -> None:
    with pytest.raises(TrainError, match=says):
        hard_pictures_of(replace(RECIPE, **changes), maker, 0, 0, team)


def test_there_are_none_before_the_first_step_and_a_search_now_and_then(
    maker: PictureMaker, network: GridNetwork
) -> None:
    hard = HardPictures(empty(maker), 3, first_step=150)
    batch = GeneratedBatches(maker, 4)[0]
    assert hard.add_to(batch, 149, network) is batch
    assert hard.searched == 0
    for step, searches in ((150, 1), (151, 1), (199, 1), (200, 2), (201, 2)):
        hard.add_to(batch, step, network)
        assert hard.searched == searches * SEARCHED


def test_a_size_of_which_there_are_none_is_left_as_it_is(
    network: GridNetwork, searched: HardPictures, maker: PictureMaker
) -> None:
    batch = GeneratedBatches(replace(maker, size=128), 4)[0]
    assert isinstance(batch, Batch)
    assert searched.add_to(batch, 5, network) is batch


def test_what_was_kept_is_made_again(searched: HardPictures, network: GridNetwork) -> None:
    again = HardPictures(searched.maker, 3, seed=7)
    again.restore(searched.state())
    assert (again.searched, indices(again)) == (searched.searched, indices(searched))
    for size, kept in searched.kept.items():
        for mine, theirs in zip(again.kept[size], kept, strict=True):
            assert mine.frame.equal(theirs.frame)
    again.search(network)
    searched.search(network)
    assert indices(again) == indices(searched)


def nothing(progress: Progress) -> None:
    pass


def test_a_run_with_them_goes_on_as_if_it_had_never_stopped(
    maker: PictureMaker, tmp_path: Path
) -> None:
    def stop_at_4(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    validation = [maker.make(n) for n in range(2)]
    whole = Trainer(RECIPE, SHAPE, LABELS)
    whole.train(maker, validation, tmp_path / "whole", nothing, workers=0)
    with pytest.raises(KeyboardInterrupt):
        first = Trainer(RECIPE, SHAPE, LABELS)
        first.train(maker, validation, tmp_path / "parts", stop_at_4, workers=0)
    second = resume(tmp_path / "parts/last.pt")
    second.train(maker, validation, tmp_path / "parts", nothing, workers=1)
    for name, weights in whole.network.state_dict().items():
        assert weights.equal(second.network.state_dict()[name]), name
    ends = [load_checkpoint(tmp_path / run / "last.pt")["hard"] for run in ("whole", "parts")]
    assert ends[0] == ends[1]
    assert ends[0]["searched"] == SEARCHED


def test_a_part_of_each_batch_is_hard(maker: PictureMaker, tmp_path: Path) -> None:
    trainer = Trainer(replace(RECIPE, steps=2), SHAPE, LABELS)
    seen: list[torch.Tensor] = []
    trainer.network.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    trainer.train(maker, [maker.make(0)], tmp_path, nothing, workers=0)
    assert [len(frames) for frames in seen] == [4, 4]
    assert trainer.hard is not None
    kept = [one.frame for alike in trainer.hard.kept.values() for one in alike]
    for frames in seen:
        assert sum(any(frame.equal(one) for one in kept) for frame in frames) == 2


def test_the_smaller_pictures_at_first_are_a_whole_batch(
    maker: PictureMaker, tmp_path: Path
) -> None:
    trainer = Trainer(replace(RECIPE, steps=4, small_part=0.5), replace(SHAPE, size=192), LABELS)
    seen: list[tuple[int, ...]] = []
    trainer.network.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape))
    square = replace(maker, stage=replace(maker.stage, aspects=((1, 1),)))
    trainer.train(square, [maker.make(0)], tmp_path, nothing, workers=0)
    assert seen == [(4, 128, 128, 3)] * 2 + [(4, 192, 192, 3)] * 2
    assert trainer.hard is not None
    assert trainer.hard.searched == SEARCHED


@pytest.mark.parametrize("batch_size", [2, 4])
def test_a_picture_of_each_batch_is_not_hard(
    maker: PictureMaker, tmp_path: Path, batch_size: int
) -> None:
    recipe = replace(RECIPE, steps=1, batch_size=batch_size, hard_part=0.9)
    trainer = Trainer(recipe, SHAPE, LABELS)
    trainer.train(maker, [maker.make(0)], tmp_path, nothing, workers=0)
    assert trainer.hard is not None
    assert trainer.hard.count == batch_size - 1


def test_the_single_head_has_them_as_well(maker: PictureMaker, tmp_path: Path) -> None:
    trainer = Trainer(replace(RECIPE, steps=2, head="single"), SHAPE, LABELS)
    seen: list[int] = []
    trainer.network.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    trainer.train(maker, [maker.make(0)], tmp_path, nothing, workers=0)
    assert seen == [4, 4]


def test_where_every_picture_has_an_object_there_can_be_none(tmp_path: Path) -> None:
    on_black = picture_maker(STAGES["charmander"], load_cutouts(CUTOUTS)[1], [], 64, seed=3)
    trainer = Trainer(replace(RECIPE, steps=1), SHAPE, LABELS)
    with pytest.raises(TrainError, match="leave out --hard-part"):
        trainer.train(on_black, [on_black.make(0)], tmp_path, nothing, workers=0)
    assert not (tmp_path / "last.pt").exists()
