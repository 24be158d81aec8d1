"""Arrays in, arrays out: detections, tracks, lines, zones, metrics. NumPy only; no I/O."""

from typing import TYPE_CHECKING

from viseon.later import later
from viseon.vision.anchors import Anchor, anchor_points
from viseon.vision.boxes import area, giou, ios, iou, nms
from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import BadDetections, BadGeometry, OutOfOrder, VisionError
from viseon.vision.keypoints import COCO_KEYPOINTS, COCO_SKELETON, oks
from viseon.vision.masks import RleMasks, mask_boxes, mask_iou

if TYPE_CHECKING:
    from viseon.vision import metrics
    from viseon.vision.appearance import Encoder, colour_encoder
    from viseon.vision.camera_motion import CameraMotion
    from viseon.vision.crowd import groups, neighbours
    from viseon.vision.handover import Handover, Passage, Sighting
    from viseon.vision.heatmap import Heatmap
    from viseon.vision.homography import Homography
    from viseon.vision.line import Crossing, Line, Sample
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

__getattr__, __dir__ = later(
    __name__,
    {
        "metrics": "viseon.vision.metrics",
        "Encoder": "viseon.vision.appearance",
        "colour_encoder": "viseon.vision.appearance",
        "CameraMotion": "viseon.vision.camera_motion",
        "groups": "viseon.vision.crowd",
        "neighbours": "viseon.vision.crowd",
        "Handover": "viseon.vision.handover",
        "Passage": "viseon.vision.handover",
        "Sighting": "viseon.vision.handover",
        "Heatmap": "viseon.vision.heatmap",
        "Homography": "viseon.vision.homography",
        "Crossing": "viseon.vision.line",
        "Line": "viseon.vision.line",
        "Sample": "viseon.vision.line",
        "Motion": "viseon.vision.motion",
        "Speedometer": "viseon.vision.motion",
        "oriented_iou": "viseon.vision.oriented",
        "simplify": "viseon.vision.path",
        "Smoother": "viseon.vision.smooth",
        "soft_nms": "viseon.vision.suppress",
        "Tile": "viseon.vision.tile",
        "Tiler": "viseon.vision.tile",
        "OCSORT": "viseon.vision.trackers",
        "SORT": "viseon.vision.trackers",
        "BoTSORT": "viseon.vision.trackers",
        "ByteTrack": "viseon.vision.trackers",
        "DeepSORT": "viseon.vision.trackers",
        "Zone": "viseon.vision.zone",
        "ZoneChange": "viseon.vision.zone",
    },
)
