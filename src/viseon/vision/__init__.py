"""Arrays in, arrays out: detections, tracks, lines, zones, metrics. NumPy only; no I/O."""

from viseon.vision import metrics
from viseon.vision.anchors import Anchor, anchor_points
from viseon.vision.boxes import area, giou, ios, iou, nms
from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import BadDetections, BadGeometry, OutOfOrder, VisionError
from viseon.vision.line import Crossing, Line, Sample
from viseon.vision.trackers import OCSORT, SORT, BoTSORT, ByteTrack, DeepSORT
from viseon.vision.zone import Zone, ZoneChange

__all__ = [
    "OCSORT",
    "SORT",
    "Anchor",
    "BadDetections",
    "BadGeometry",
    "BoTSORT",
    "ByteTrack",
    "Crossing",
    "DeepSORT",
    "Detections",
    "Line",
    "OutOfOrder",
    "Sample",
    "Tracks",
    "VisionError",
    "Zone",
    "ZoneChange",
    "anchor_points",
    "area",
    "giou",
    "ios",
    "iou",
    "metrics",
    "nms",
]
