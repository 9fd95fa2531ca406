"""Average precision as COCO counts it, by class and by size, with faster-coco-eval.

The size of a box is its share of the picture, not its area in pixels as in COCO, so that the
same scene counts alike at every resolution: small is less than 1 %, large at least 10 %. In an
input of 384 × 224 px that is 29² and 93² px, close to COCO's 32² and 96² px.
"""

from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.matching import Found, Truth

# in millionths of the picture's area; the first is COCO's "all"
SIZES = {"all": (0, 1e10), "small": (0, 1e4), "medium": (1e4, 1e5), "large": (1e5, 1e10)}
PICTURE_AREA = 1e6


@dataclass(frozen=True, eq=False)
class Precisions:
    """How precise the detections are at each recall.

    table: float64 [IoU threshold, recall, class, size]: precision at the IoU thresholds 0.5, 0.55,
    … 0.95 and the recalls 0, 0.01, … 1, by label and by SIZES; −1 where nothing of the kind is
    there to be found.
    """

    table: NDArray[np.float64]
    labels: tuple[str, ...]

    def ap(self, which: int | slice, size: str = "all") -> float | None:
        """Return the mean over classes: `which` 0 for mAP@50, slice(None) for mAP@50:95."""
        return mean_of_known(self.table[which, :, :, list(SIZES).index(size)])

    def ap_by_label(self, which: int | slice) -> dict[str, float]:
        """Return the AP of each class that is there to be found."""
        values = {
            label: mean_of_known(self.table[which, :, n, 0]) for n, label in enumerate(self.labels)
        }
        return {label: value for label, value in values.items() if value is not None}

    def ap_by_size(self, which: int | slice) -> dict[str, float]:
        """Return the AP of each size that is there to be found."""
        values = {size: self.ap(which, size) for size in SIZES if size != "all"}
        return {size: value for size, value in values.items() if value is not None}

    def curves(self) -> dict[str, NDArray[np.float64]]:
        """Return the precision at IoU 0.5, float64 [101], of each class that is there."""
        at50 = self.table[0, :, :, 0].T
        return {
            label: row for label, row in zip(self.labels, at50, strict=True) if (row >= 0).any()
        }


def mean_of_known(values: NDArray[np.float64]) -> float | None:
    """Return the mean of the values that are not −1, or None where all are."""
    known = values[values >= 0]
    return float(known.mean()) if known.size else None


def precisions(
    truths: Sequence[Truth], found: Sequence[Found], labels: Sequence[str]
) -> Precisions:
    """Count the average precision of what was found in pictures."""
    from faster_coco_eval import COCO, COCOeval_faster

    data, results = coco_truth(truths, labels), coco_results(truths, found)
    if not data["annotations"]:
        return Precisions(np.full((10, 101, len(labels), len(SIZES)), -1.0), tuple(labels))
    if not results:  # the library does not take none in all its versions
        results = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 0, 0], "score": 0.0}]
    with redirect_stdout(StringIO()):  # the library reports by printing
        truth = COCO(data)
        run = COCOeval_faster(truth, truth.loadRes(results), "bbox")
        run.params.areaRng = [list(limits) for limits in SIZES.values()]
        run.params.areaRngLbl = list(SIZES)
        run.evaluate()
        run.accumulate()
    # [IoU threshold, recall, class, size, most detections per picture]
    return Precisions(np.asarray(run.eval["precision"], np.float64)[..., -1], tuple(labels))


def coco_truth(truths: Sequence[Truth], labels: Sequence[str]) -> dict[str, Any]:
    """Return the true boxes as a COCO data set.

    All pictures are scaled to an area of a million, which leaves every IoU as it is.
    """
    return coco_set(truths, labels, [str(n) for n in range(1, len(truths) + 1)], scaled)


def coco_set(
    truths: Sequence[Truth],
    labels: Sequence[str],
    names: Sequence[str],
    xywh_of: Callable[[Sequence[float], Truth], list[float]],
) -> dict[str, Any]:
    """Return pictures and their true boxes as a COCO data set: x y width height, ids from 1.

    names: the pictures' files; xywh_of: turns a box x1 y1 x2 y2 of a picture into COCO's form.
    """
    images = [
        {"id": n, "width": t.picture_wh[0], "height": t.picture_wh[1], "file_name": name}
        for n, (t, name) in enumerate(zip(truths, names, strict=True), start=1)
    ]
    rows = [
        (n, class_id, xywh_of(box, truth))
        for n, truth in enumerate(truths, start=1)
        for box, class_id in zip(truth.boxes.tolist(), truth.class_ids.tolist(), strict=True)
    ]
    annotations = [
        {
            "id": i,
            "image_id": n,
            "category_id": class_id + 1,
            "bbox": xywh,
            "area": xywh[2] * xywh[3],
            "iscrowd": 0,
        }
        for i, (n, class_id, xywh) in enumerate(rows, start=1)
    ]
    categories = [{"id": i, "name": name} for i, name in enumerate(labels, start=1)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def coco_results(truths: Sequence[Truth], found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return detections in COCO's result form, picture n having the id n + 1."""
    return [
        {
            "image_id": n,
            "category_id": class_id + 1,
            "bbox": scaled(box, truth),
            "score": score,
        }
        for n, (truth, one) in enumerate(zip(truths, found, strict=True), start=1)
        for box, score, class_id in zip(
            one.boxes.tolist(), one.scores.tolist(), one.class_ids.tolist(), strict=True
        )
    ]


def scaled(box: Sequence[float], truth: Truth) -> list[float]:
    """Return x y width height of a box when its picture has an area of a million."""
    scale = (PICTURE_AREA / (truth.picture_wh[0] * truth.picture_wh[1])) ** 0.5
    x1, y1, x2, y2 = (side * scale for side in box)
    return [x1, y1, x2 - x1, y2 - y1]
