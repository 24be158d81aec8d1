"""How good detections, tracks and counts are; equal to the field's reference implementations."""

from viseon.vision.metrics.average_precision import CocoAP, coco_ap
from viseon.vision.metrics.confusion import Confusion, Curve, confusion, precision_recall, top_k
from viseon.vision.metrics.counting import CountError, DwellError, count_error, dwell_error
from viseon.vision.metrics.tracking import Clear, Hota, Identity, clear, hota, idf1

__all__ = [
    "Clear",
    "CocoAP",
    "Confusion",
    "CountError",
    "Curve",
    "DwellError",
    "Hota",
    "Identity",
    "clear",
    "coco_ap",
    "confusion",
    "count_error",
    "dwell_error",
    "hota",
    "idf1",
    "precision_recall",
    "top_k",
]
