"""Measure detections against true boxes: COCO's mAP, and the threshold with the best F1."""

from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends import Backend
from train.generator import Sample


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in one picture.

    boxes: float32 [N, 4], x1 y1 x2 y2 in pixels; scores: float32 [N]; class_ids: int64 [N].
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    class_ids: NDArray[np.int64]


@dataclass(frozen=True)
class Figures:
    """How well a model does on a set of pictures, each 0..1.

    ap50: mAP@50 by class label; threshold: the score with the best F1 at IoU 0.5, and its precision
    and recall.
    """

    map50: float
    map50_95: float
    ap50: dict[str, float]
    threshold: float
    precision: float
    recall: float


Locate = Callable[[Sequence[NDArray[np.uint8]]], list[Found]]


def coco_truth(samples: Sequence[Sample], labels: Sequence[str]) -> dict[str, Any]:
    """Return the true boxes as a COCO data set (boxes as x y width height, ids from 1)."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for n, sample in enumerate(samples, start=1):
        height, width = sample.image.shape[:2]
        images.append({"id": n, "width": width, "height": height, "file_name": f"{n:06d}.png"})
        for box, class_id in zip(sample.boxes.tolist(), sample.class_ids.tolist(), strict=True):
            xywh = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": n,
                    "category_id": class_id + 1,
                    "bbox": xywh,
                    "area": xywh[2] * xywh[3],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(labels, start=1)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def coco_results(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return detections in COCO's result form, picture n having the id n + 1."""
    return [
        {
            "image_id": n,
            "category_id": class_id + 1,
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for n, one in enumerate(found, start=1)
        for box, score, class_id in zip(
            one.boxes.tolist(), one.scores.tolist(), one.class_ids.tolist(), strict=True
        )
    ]


def measure(samples: Sequence[Sample], found: Sequence[Found], labels: Sequence[str]) -> Figures:
    """Measure what was found in `samples` with faster-coco-eval."""
    from faster_coco_eval import COCO, COCOeval_faster

    threshold, precision, recall = best_threshold(samples, found)
    results = coco_results(found)
    if not results:
        return Figures(0.0, 0.0, dict.fromkeys(labels, 0.0), threshold, precision, recall)
    with redirect_stdout(StringIO()):  # the library reports by printing
        truth = COCO(coco_truth(samples, labels))
        run = COCOeval_faster(truth, truth.loadRes(results), "bbox")
        run.run()
    # [IoU thresholds, recalls, classes, areas, max detections]; -1 where a class is absent
    at50 = np.asarray(run.eval["precision"])[0, :, :, 0, -1]
    ap50 = {
        label: float(values[values >= 0].mean()) if (values >= 0).any() else 0.0
        for label, values in zip(labels, at50.T, strict=True)
    }
    map50, map50_95 = (max(0.0, float(run.stats[n])) for n in (1, 0))  # -1: no true boxes
    return Figures(map50, map50_95, ap50, threshold, precision, recall)


def iou_matrix(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the IoU of each box of `a` [N, 4] with each of `b` [M, 4], float32 [N, M]."""
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    areas_a, areas_b = ((x[:, 2:] - x[:, :2]).prod(axis=1) for x in (a, b))
    union = areas_a[:, None] + areas_b[None] - both
    overlaps: NDArray[np.float32] = both / np.maximum(union, np.float32(1e-9))
    return overlaps


def match(sample: Sample, found: Found, iou: float = 0.5) -> NDArray[np.bool_]:
    """Say of each detection whether it is the best-scored one to meet a true box of its class."""
    overlaps = iou_matrix(found.boxes, sample.boxes)
    overlaps[found.class_ids[:, None] != sample.class_ids[None]] = 0
    right = np.zeros(len(found.scores), bool)
    for n in np.argsort(-found.scores, kind="stable"):
        if overlaps.shape[1] and overlaps[n].max() >= iou:
            right[n] = True
            overlaps[:, overlaps[n].argmax()] = 0
    return right


def best_threshold(samples: Sequence[Sample], found: Sequence[Found]) -> tuple[float, float, float]:
    """Return the score threshold with the best F1 at IoU 0.5, with its precision and recall."""
    truths = sum(len(s.boxes) for s in samples)
    right = np.concatenate([match(s, f) for s, f in zip(samples, found, strict=True)])
    scores = np.concatenate([f.scores for f in found])
    if not len(scores) or not right.any():
        return 0.5, 0.0, 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    precision, recall = hits / np.arange(1, len(order) + 1), hits / truths
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(f1.argmax())
    return float(scores[order][best]), float(precision[best]), float(recall[best])


def evaluate(
    locate: Locate, samples: Sequence[Sample], labels: Sequence[str], batch_size: int = 32
) -> Figures:
    """Run `locate` over the samples' pictures and measure what it finds."""
    found: list[Found] = []
    for first in range(0, len(samples), batch_size):
        found += locate([s.image for s in samples[first : first + batch_size]])
    return measure(samples, found, labels)


def backend_locate(backend: Backend, lowest_score: float = 0.01) -> Locate:
    """Return a function for `evaluate`: locate in pictures uint8 [S, S, 3] BGR with an engine."""

    def locate(images: Sequence[NDArray[np.uint8]]) -> list[Found]:
        raw = backend.infer(np.stack(images))
        kept = raw.scores >= lowest_score
        return [
            Found(boxes[k], scores[k], ids[k])
            for boxes, scores, ids, k in zip(
                raw.boxes, raw.scores, raw.class_ids, kept, strict=True
            )
        ]

    return locate
