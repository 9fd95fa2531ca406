"""The 1€ filter: smooth where little moves, prompt where much does.

Casiez, Roussel, Vogel, 2012: https://gery.casiez.net/1euro/. A low-pass filter whose cutoff rises
with the speed: a still object does not tremble, a fast one is not dragged behind.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class OneEuro:
    """The filter's knobs.

    min_cutoff_hz: of what does not move; beta: how much the cutoff rises with the speed, in Hz for
    each unit a second; speed_cutoff_hz: for the speed itself.
    """

    min_cutoff_hz: float = 1.5
    beta: float = 4.0
    speed_cutoff_hz: float = 2.0

    def step(
        self, value: Values, speed: Values, new: Values, dt_s: float, unit: float = 1.0
    ) -> tuple[Values, Values]:
        """Filter the next value; return the new value and speed.

        value, speed: of the step before; new: as measured now, `dt_s` seconds later; unit: what
        counts as one for the speed, such as the size of a moving object.
        """
        change = (new - value) / dt_s
        speed = speed + kept(self.speed_cutoff_hz, dt_s) * (change - speed)
        cutoff_hz = self.min_cutoff_hz + self.beta * np.abs(speed) / unit
        return value + kept(cutoff_hz, dt_s) * (new - value), speed


def kept(cutoff_hz: float | Values, dt_s: float) -> Values:
    """Return the part of a change that a low-pass filter lets through in one step, 0..1."""
    turned = 2 * np.pi * np.asarray(cutoff_hz, np.float64) * dt_s
    part: Values = turned / (turned + 1)
    return part
