"""Detections from and to the results of other libraries: one file each, none of them imported."""

from viseon.vision.convert.coco import from_coco, to_coco
from viseon.vision.convert.mediapipe import from_mediapipe, from_mediapipe_pose
from viseon.vision.convert.torchvision import from_torchvision
from viseon.vision.convert.yolo import from_yolo, from_yolo_rows

__all__ = [
    "from_coco",
    "from_mediapipe",
    "from_mediapipe_pose",
    "from_torchvision",
    "from_yolo",
    "from_yolo_rows",
    "to_coco",
]
