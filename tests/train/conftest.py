"""What the tests of training share: torch on one thread, and pictures to learn from.

Torch's threads wait by spinning, which makes each of them slow where tests run side by side.
"""

import pytest
import torch

from train.cutouts import load_cutouts
from train.data_set import CUTOUTS
from train.generator import PictureMaker, picture_maker
from train.stages import STAGES

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def maker() -> PictureMaker:
    return picture_maker(STAGES["charmander"], load_cutouts(CUTOUTS)[1], [], 64, seed=3)
