"""How good detections, tracks and counts are; equal to the field's reference implementations."""

from viseon.vision.metrics.average_precision import CocoAP, coco_ap

__all__ = ["CocoAP", "coco_ap"]
