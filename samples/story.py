"""What happens in the clip: three scenes with cuts between them."""

from dataclasses import dataclass
from typing import Literal

from actors import Actor
from footage import CameraKey
from shadows import Shadow

LEFT, RIGHT = -1.0, 1.0
FILM_START_S = 42.0  # of vtest.avi: people on the path, nobody on the lawn


@dataclass(frozen=True)
class Scene:
    """A stretch of the clip on one background.

    background: "film", or the name of a held-out photo. Times count from the clip's start.
    """

    first_frame: int
    background: Literal["film"] | str
    camera: tuple[CameraKey, ...]
    shadow: Shadow
    actors: tuple[Actor, ...]


# The camera looks down on the lawn, so what is nearer stands lower in the picture and is larger.
# Nobody crosses the lamp post or the tripod from behind, since they would be drawn before it.
PARK = Scene(
    first_frame=0,
    background="film",
    camera=((0.0, 384, 352, 690), (2.5, 375, 354, 630), (5.0, 352, 357, 560)),
    shadow="contact",
    actors=(
        Actor(
            "Bulbasaur",
            "drawing",
            (
                (0.0, 160, 325, 62, 0, RIGHT),
                (1.1, 270, 425, 98, 8, RIGHT),
                (1.9, 395, 500, 128, -6, RIGHT),
                (2.2, 405, 503, 130, 0, LEFT),
                (3.0, 250, 480, 115, -10, LEFT),
                (3.8, 0, 455, 110, 0, LEFT),
            ),
        ),
        Actor(
            "Charmander",
            "drawing",
            (
                (0.5, 790, 420, 95, 0, LEFT),
                (1.3, 640, 445, 100, -6, LEFT),
                (1.9, 550, 500, 118, 4, LEFT),
                (2.4, 480, 522, 136, 0, LEFT),
                (2.7, 485, 524, 138, 0, RIGHT),
                (3.7, 800, 515, 136, 14, RIGHT),
            ),
        ),
        Actor(
            "Squirtle",
            "sprite",
            (
                (0.0, 20, 232, 38, 0, RIGHT),
                (1.5, 200, 240, 40, 0, RIGHT),
                (2.3, 260, 244, 40, 0, RIGHT),
                (2.5, 260, 244, 40, 0, LEFT),
                (3.8, 30, 240, 39, 0, LEFT),
            ),
            hop=0.06,
        ),
        Actor(
            "Squirtle",
            "drawing",
            ((4.45, -20, 500, 168, 18, RIGHT), (5.1, 250, 512, 176, -4, RIGHT)),
            hop=0.12,
            steps_per_s=2.5,
        ),
    ),
)

HOUSE = Scene(
    first_frame=150,
    background="building.jpg",
    camera=((5.0, 320, 262, 640), (8.05, 350, 288, 540)),
    shadow="contact",
    actors=(
        Actor(
            "Charmander",
            "drawing",
            (
                (5.0, -60, 438, 148, 0, RIGHT),
                (5.8, 150, 434, 160, 8, RIGHT),
                (6.5, 250, 436, 165, -8, RIGHT),
                (6.75, 255, 436, 165, 0, LEFT),
                (7.6, -60, 438, 170, -14, LEFT),
            ),
        ),
        Actor(
            "Squirtle",
            "drawing",
            (
                (5.0, 600, 418, 88, 0, LEFT),
                (5.9, 470, 415, 92, 20, LEFT),
                (6.6, 375, 418, 96, -16, LEFT),
                (7.3, 330, 416, 92, 0, LEFT),
                (7.5, 325, 416, 92, 0, RIGHT),
                (8.05, 330, 414, 90, 12, RIGHT),
            ),
            hop=0.25,
            steps_per_s=2.2,
        ),
        Actor(
            "Bulbasaur",
            "drawing",
            (
                (6.0, 720, 415, 95, 0, LEFT),
                (6.8, 570, 428, 130, 8, LEFT),
                (7.6, 480, 465, 188, -8, LEFT),
                (8.05, 470, 472, 194, 0, LEFT),
            ),
        ),
    ),
)

TABLE = Scene(
    first_frame=240,
    background="stuff.jpg",
    camera=((8.0, 330, 250, 600), (10.05, 300, 240, 500)),
    shadow="drop",
    actors=(
        Actor(
            "Charmander",
            "sprite",
            (
                (8.0, 140, 340, 32, -12, RIGHT),
                (9.0, 240, 352, 34, 18, RIGHT),
                (10.05, 290, 335, 38, -15, RIGHT),
            ),
            hop=0.03,
        ),
        Actor(
            "Bulbasaur",
            "drawing",
            (
                (8.0, 520, 210, 115, 24, LEFT),
                (8.7, 480, 250, 125, -20, LEFT),
                (8.9, 485, 252, 126, -10, RIGHT),
                (9.8, 700, 262, 130, 15, RIGHT),
            ),
            hop=0.02,
        ),
        Actor(
            "Squirtle",
            "drawing",
            (
                (8.5, -60, 205, 145, -25, RIGHT),
                (9.2, 140, 240, 160, 14, RIGHT),
                (10.05, 260, 265, 176, 25, RIGHT),
            ),
            hop=0.02,
        ),
    ),
)

SCENES = (PARK, HOUSE, TABLE)
