"""The model families that are recognised by what their graphs give."""

from viseon.models.families.contract import Family, Match, Seen
from viseon.models.families.lists import (
    detection_output,
    detectnet,
    efficient_nms,
    lists,
    tensorflow,
)
from viseon.models.families.pairs import boxes_and_scores
from viseon.models.families.sets import detr, rtdetr
from viseon.models.families.whole import classifier, segmenter
from viseon.models.families.yolo import yolov5, yolov8, yolov10
from viseon.models.families.yolox import yolox

FAMILIES: tuple[Family, ...] = (
    tensorflow,
    efficient_nms,
    lists,
    detection_output,
    detectnet,
    yolov8,
    yolox,
    yolov5,
    rtdetr,
    yolov10,
    detr,
    boxes_and_scores,
    segmenter,
    classifier,
)
"""Asked in this order: the most particular first."""

__all__ = ["FAMILIES", "Family", "Match", "Seen"]
