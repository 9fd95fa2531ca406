"""What was found in one picture: one frozen dataclass of arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Detections:
    """The objects found in one picture, best score first; N may be 0.

    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels of the picture.
    scores: float32 [N], 0..1.
    class_ids: int64 [N], indices into the model's labels.
    track_ids: int64 [N] where a tracker ran, else None.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    track_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Check that the arrays speak of the same N objects.

        Raises:
            ValueError: a shape does not fit.
        """
        n = len(self.scores)
        fits = self.boxes.shape == (n, 4) and self.class_ids.shape == (n,)
        if not fits or (self.track_ids is not None and self.track_ids.shape != (n,)):
            raise ValueError(
                f"shapes do not agree: boxes {self.boxes.shape}, scores {self.scores.shape}, "
                f"class_ids {self.class_ids.shape}"
            )

    @staticmethod
    def empty() -> Detections:
        """Return the detections of a picture in which nothing was found."""
        return Detections(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Detections:
        """Return the chosen objects (a mask, indices or a slice) as new Detections."""
        tracks = None if self.track_ids is None else self.track_ids[chosen]
        return replace(
            self,
            boxes=self.boxes[chosen],
            scores=self.scores[chosen],
            class_ids=self.class_ids[chosen],
            track_ids=tracks,
        )
