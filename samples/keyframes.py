"""Smooth paths through keyframes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def at(keys: Sequence[tuple[float, ...]], time_s: float) -> NDArray[np.float64]:
    """Return the values at `time_s`, float64 [V].

    Before the first key and after the last one they rest.

    keys: at least two of (time in seconds, value, value, ...), their times rising. The path passes
    through every key without a kink, and between two keys it never leaves their range.
    """
    table = np.array(keys, np.float64)
    times, values = table[:, 0], table[:, 1:]
    slopes = _slopes(times, values)
    i = int(np.clip(np.searchsorted(times, time_s, side="right") - 1, 0, len(times) - 2))
    span = times[i + 1] - times[i]
    u = min(1.0, max(0.0, (time_s - times[i]) / span))
    start, end = values[i], values[i + 1]
    eased = start + (end - start) * (3 * u**2 - 2 * u**3)
    bend = span * (slopes[i] * (u**3 - 2 * u**2 + u) + slopes[i + 1] * (u**3 - u**2))
    result: NDArray[np.float64] = eased + bend
    return result


def _slopes(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose the slope at each key: the harmonic mean of its neighbours', 0 where they turn round.

    That is what keeps a cubic between two keys inside their range.
    """
    secants = np.diff(values, axis=0) / np.diff(times)[:, None]
    before, after = secants[:-1], secants[1:]
    same_way = before * after > 0
    total = np.where(same_way, before + after, 1.0)
    inner = np.where(same_way, 2 * before * after / total, 0.0)
    return np.vstack([secants[:1], inner, secants[-1:]])
