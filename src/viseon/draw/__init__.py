"""Drawing on pictures (uint8 BGR, height x width x 3) with OpenCV, readable from 320 px to 4K.

Every function changes the picture it is given and returns it.
"""

from viseon.draw.boxes import Traces, boxes, tracks
from viseon.draw.labels import caption, labels
from viseon.draw.palette import colour
from viseon.draw.places import line, zone

__all__ = ["Traces", "boxes", "caption", "colour", "labels", "line", "tracks", "zone"]
