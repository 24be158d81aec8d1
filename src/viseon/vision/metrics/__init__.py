"""How good detections, tracks and counts are; equal to the field's reference implementations."""

from viseon.vision.metrics.average_precision import CocoAP, coco_ap
from viseon.vision.metrics.tracking import Clear, Hota, Identity, clear, hota, idf1

__all__ = ["Clear", "CocoAP", "Hota", "Identity", "clear", "coco_ap", "hota", "idf1"]
