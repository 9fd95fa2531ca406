"""The figures of a model: what is measured, kept in checkpoints and told in model files."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figures:
    """How well a model does on a set of pictures, each 0..1 unless it says otherwise.

    map50, map50_95: COCO's mAP at IoU 0.5, and averaged over IoU 0.5 to 0.95; ap50, ap50_95: the
    same by label, of the labels that occur.
    threshold: the score from which a detection counts in all that follows.
    precision, recall: at IoU 0.5.
    map50_by_size, map50_95_by_size: of small, medium and large boxes, as in train.coco.
    mean_iou: of found boxes with true ones; as in train.accuracy, so are the next two.
    class_accuracy: of the true boxes that were found, the part with the right class.
    presence_accuracy: of the pictures, the part where "something is there" is rightly said.
    false_per_1000: false detections per 1,000 pictures without an object.
    mistaken_per_100: drawings of other things taken for an object, per 100.
    None, or empty: not measured.
    """

    map50: float
    map50_95: float
    ap50: dict[str, float]
    threshold: float
    precision: float
    recall: float
    ap50_95: dict[str, float] = field(default_factory=dict)
    map50_by_size: dict[str, float] = field(default_factory=dict)
    map50_95_by_size: dict[str, float] = field(default_factory=dict)
    mean_iou: float | None = None
    class_accuracy: float | None = None
    presence_accuracy: float | None = None
    false_per_1000: float | None = None
    mistaken_per_100: float | None = None

    def numbers(self) -> dict[str, float]:
        """Return the figures that are one number and were measured, by name, but the threshold."""
        return {
            name: float(value)
            for name, value in vars(self).items()
            if isinstance(value, float | int) and name != "threshold"
        }
