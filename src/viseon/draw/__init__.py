"""Drawing on pictures (uint8 BGR, height x width x 3) with OpenCV, readable from 320 px to 4K.

Every function changes the picture it is given and returns it.
"""

from viseon.draw.boxes import Traces, boxes, tracks
from viseon.draw.heat import flow, heatmap
from viseon.draw.labels import caption, labels
from viseon.draw.palette import colour
from viseon.draw.places import line, zone
from viseon.draw.privacy import blur, pixelate
from viseon.draw.shapes import keypoints, masks, polygons, rotated_boxes

__all__ = [
    "Traces",
    "blur",
    "boxes",
    "caption",
    "colour",
    "flow",
    "heatmap",
    "keypoints",
    "labels",
    "line",
    "masks",
    "pixelate",
    "polygons",
    "rotated_boxes",
    "tracks",
    "zone",
]
