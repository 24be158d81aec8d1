"""Arrays in, arrays out: detections, tracks, lines, zones, metrics. NumPy only; no I/O."""

from viseon.vision import metrics
from viseon.vision.anchors import Anchor, anchor_points
from viseon.vision.appearance import Encoder, colour_encoder
from viseon.vision.boxes import area, giou, ios, iou, nms
from viseon.vision.camera_motion import CameraMotion
from viseon.vision.crowd import groups, neighbours
from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import BadDetections, BadGeometry, OutOfOrder, VisionError
from viseon.vision.handover import Handover, Passage, Sighting
from viseon.vision.heatmap import Heatmap
from viseon.vision.homography import Homography
from viseon.vision.keypoints import COCO_KEYPOINTS, COCO_SKELETON, oks
from viseon.vision.line import Crossing, Line, Sample
from viseon.vision.masks import RleMasks, mask_boxes, mask_iou
from viseon.vision.motion import Motion, Speedometer
from viseon.vision.oriented import oriented_iou
from viseon.vision.path import simplify
from viseon.vision.smooth import Smoother
from viseon.vision.suppress import soft_nms
from viseon.vision.tile import Tile, Tiler
from viseon.vision.trackers import OCSORT, SORT, BoTSORT, ByteTrack, DeepSORT
from viseon.vision.zone import Zone, ZoneChange

__all__ = [
    "COCO_KEYPOINTS",
    "COCO_SKELETON",
    "OCSORT",
    "SORT",
    "Anchor",
    "BadDetections",
    "BadGeometry",
    "BoTSORT",
    "ByteTrack",
    "CameraMotion",
    "Crossing",
    "DeepSORT",
    "Detections",
    "Encoder",
    "Handover",
    "Heatmap",
    "Homography",
    "Line",
    "Motion",
    "OutOfOrder",
    "Passage",
    "RleMasks",
    "Sample",
    "Sighting",
    "Smoother",
    "Speedometer",
    "Tile",
    "Tiler",
    "Tracks",
    "VisionError",
    "Zone",
    "ZoneChange",
    "anchor_points",
    "area",
    "colour_encoder",
    "giou",
    "groups",
    "ios",
    "iou",
    "mask_boxes",
    "mask_iou",
    "metrics",
    "neighbours",
    "nms",
    "oks",
    "oriented_iou",
    "simplify",
    "soft_nms",
]
