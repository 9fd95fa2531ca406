"""Look for the pictures without objects in which a network, as it learns, is surest to see one.

Nearly all pictures without an object teach it nothing any more, and the few that still do decide
how high its threshold must be. So those are kept and learnt from again, as in bootstrapping (Sung
and Poggio, 1998: https://doi.org/10.1109/34.655648).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from train.batches import Batch, GeneratedBatches, batches, forks
from train.chance import HARD_STREAM
from train.errors import TrainError
from train.network import OBJECTNESS, Pyramid, rows_of
from train.recipe import Recipe
from train.samples import Maker
from train.team import ALONE, Team

SEARCH_EVERY = 100  # steps
SEARCHED, AT_ONCE = 32, 32  # batches that a search makes, and pictures of each
KEPT = 96  # pictures of each size, or fewer where there are many sizes
KEPT_OF_ALL = 384  # as many as of the four that cameras film


@dataclass(frozen=True, eq=False)
class Hard:
    """A picture without objects: its number, its pixels, and how sure a network is of an object.

    frame: uint8 [H, W, 3], BGR; sureness: the highest objectness of a cell, a logit.
    """

    index: int
    frame: Tensor
    sureness: float = 0.0


class HardPictures:
    """The hardest pictures found so far, as many of each size.

    Which they are depends on the maker, the steps of the searches and what the network was then.
    """

    def __init__(
        self,
        maker: Maker,
        count: int,
        *,
        first_step: int = 0,
        seed: int = 0,
        workers: int = 0,
        team: Team = ALONE,
    ) -> None:
        """maker: of pictures without objects; count: of those that are added to each batch.

        first_step: before that, none are; workers: processes that make them; team: those that
        share each batch.
        """
        self.maker = maker
        self.count = count
        self.first_step = first_step
        self.seed = seed
        self.workers = workers
        self.team = team
        self.searched = 0  # batches, in all searches
        self.kept: dict[tuple[int, int], list[Hard]] = {}  # by height and width, the hardest first

    def search(self, network: Pyramid) -> None:
        """Make more pictures, and keep those of all that the network is now surest of."""
        kept = {size: surest(rated(network, alike)) for size, alike in self.kept.items()}
        end = self.searched + SEARCHED
        workers = self.workers if forks() else 0  # to begin one takes longer than to make these
        made = batches(GeneratedBatches(self.maker, AT_ONCE), self.searched, end, workers)
        for n, batch in enumerate(made, self.searched):
            # copies, since a view of one frame keeps its whole batch
            every = [Hard(i, f.clone()) for i, f in enumerate(batch.frames, n * AT_ONCE)]
            height, width = batch.frames.shape[1:3]
            before = kept.get((height, width), [])
            kept[height, width] = surest([*before, *rated(network, every)])
        each = max(self.count, KEPT_OF_ALL // len(kept))
        self.searched = end
        self.kept = {size: alike[:each] for size, alike in kept.items()}

    def add_to(self, batch: Batch, step: int, network: Pyramid) -> Batch:
        """Return the batch of a step with hard pictures of its size more, this process's part.

        There may be fewer, or none, of a size. Now and then the network looks for more first.
        """
        if step < self.first_step:
            return batch
        if step % SEARCH_EVERY == 0 or not self.kept:
            self.search(network)
        height, width = batch.frames.shape[1:3]
        kept = self.kept.get((height, width), [])
        rng = np.random.default_rng([self.seed, HARD_STREAM, step])
        # of a team each process adds as many, or their batch norms would differ
        count = min(self.count, len(kept)) // self.team.size * self.team.size
        drawn = rng.permutation(len(kept))[:count][self.team.rank :: self.team.size]
        if not len(drawn):
            return batch
        frames = torch.stack([kept[n].frame for n in drawn])
        return Batch(torch.cat([batch.frames, frames]), batch.targets.with_silent(len(frames)))

    def state(self) -> dict[str, Any]:
        """Return what is needed to go on: which pictures are kept, not the pictures."""
        kept = [[hard.index for hard in alike] for alike in self.kept.values()]
        return {"searched": self.searched, "kept": kept}

    def restore(self, state: dict[str, Any]) -> None:
        """Make the pictures of a `state` again."""
        self.searched = state["searched"]
        again = [
            Hard(i, torch.from_numpy(self.maker.make(i, self.maker.aspect(i // AT_ONCE)).image))
            for kept in state["kept"]
            for i in kept
        ]
        self.kept = by_size(again)


def hard_pictures_of(
    recipe: Recipe, maker: Maker, first_step: int, workers: int, team: Team
) -> HardPictures | None:
    """Return the hard pictures that a recipe wants beside those of `maker`; None: it wants none.

    Raises:
        TrainError: the maker can make no pictures without objects, or a batch has no room for them.
    """
    if not recipe.hard_part:
        return None
    others = maker.without_objects()
    if others is None:
        raise TrainError(
            "each of these pictures has an object, or may have one, so there are no hard ones "
            "without; leave out --hard-part"
        )
    return HardPictures(
        others,
        hard_count(recipe, team),
        first_step=first_step,
        seed=recipe.seed,
        workers=workers,
        team=team,
    )


def hard_count(recipe: Recipe, team: Team) -> int:
    """Return how many pictures of a whole batch are hard: as many in each process of a team.

    That is as near to the recipe's part as can be. Each has one at least, and one that is not.

    Raises:
        TrainError: the batch is too small.
    """
    wanted = round(recipe.hard_part * recipe.batch_size)
    each = recipe.batch_size // team.size
    if not wanted or each < 2:
        shared = f" in {team.size} processes" if team.size > 1 else ""
        raise TrainError(
            f"a batch of {recipe.batch_size}{shared} has no room for a hard part of "
            f"{recipe.hard_part:g}; choose a larger --batch-size, or --hard-part 0"
        )
    return min(max(1, round(wanted / team.size)), each - 1) * team.size


def by_size(pictures: Iterable[Hard]) -> dict[tuple[int, int], list[Hard]]:
    """Sort pictures by height and width."""
    sizes: dict[tuple[int, int], list[Hard]] = {}
    for hard in pictures:
        height, width = hard.frame.shape[:2]
        sizes.setdefault((height, width), []).append(hard)
    return sizes


def surest(pictures: list[Hard]) -> list[Hard]:
    """Return the pictures to keep of those of one size, the hardest first."""
    return sorted(pictures, key=lambda hard: -hard.sureness)[:KEPT]


@torch.no_grad()
def rated(network: Pyramid, pictures: list[Hard]) -> list[Hard]:
    """Return pictures of one size with how sure a network, in use, is of an object in each."""
    device = next(network.parameters()).device
    ratings: list[Hard] = []
    for first in range(0, len(pictures), AT_ONCE):
        some = pictures[first : first + AT_ONCE]
        seen = network.see(torch.stack([hard.frame for hard in some]).to(device))
        sureness = rows_of(seen.levels)[..., OBJECTNESS].amax(dim=1).tolist()
        ratings += [replace(hard, sureness=s) for hard, s in zip(some, sureness, strict=True)]
    return ratings
