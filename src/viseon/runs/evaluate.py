"""How well a model does on a version."""

from collections.abc import Sequence

import numpy as np

from viseon.inference import Detector
from viseon.ports import Report
from viseon.ports.trainer import Cancelled
from viseon.runs.data import Picture
from viseon.schema import ClassScore, Signature
from viseon.vision import Detections
from viseon.vision.metrics import CocoAP, coco_ap

_AT_ONCE = 8


def detect(
    detector: Detector, pictures: Sequence[Picture], report: Report, *, score: float
) -> list[Detections]:
    """What the detector finds in each picture. Raises Cancelled."""
    found: list[Detections] = []
    for start in range(0, len(pictures), _AT_ONCE):
        if report.cancelled:
            raise Cancelled("the evaluation was cancelled")
        part = pictures[start : start + _AT_ONCE]
        found += detector([picture.bgr() for picture in part], score=score)
        report.progress(len(found) / len(pictures), "evaluating")
    return found


def renamed(found: Detections, model: Sequence[str], dataset: Sequence[str]) -> Detections:
    """With the dataset's class ids; what only the model knows is left out."""
    known = [dataset.index(name) if name in dataset else -1 for name in model]
    class_id = np.array(known, np.int64)[found.class_id] if len(found) else found.class_id
    moved = Detections(found.xyxy, found.score, class_id)
    return moved.where(class_id >= 0)


def compare(
    found: Sequence[Detections], truth: Sequence[Detections], signature: Signature,
    classes: Sequence[str],
) -> tuple[CocoAP, dict[str, ClassScore]]:  # fmt: skip
    """COCO's numbers over all classes, and each class's."""
    ours = [renamed(one, signature.classes, classes) for one in found]
    ap = coco_ap(ours, truth)
    at50, overall = ap.per_class(min_iou=0.5), ap.per_class()
    objects = np.bincount(np.concatenate([t.class_id for t in truth]), minlength=len(classes))
    return ap, {
        classes[k]: ClassScore(
            objects=int(objects[k]), map50=max(0.0, at50[k]), map50_95=max(0.0, overall[k])
        )
        for k in sorted(overall)
    }
