"""Trackers, written from their papers: detections in, identities out."""

from viseon.vision.trackers.botsort import BoTSORT
from viseon.vision.trackers.bytetrack import ByteTrack
from viseon.vision.trackers.deepsort import DeepSORT
from viseon.vision.trackers.ocsort import OCSORT
from viseon.vision.trackers.sort import SORT

__all__ = ["OCSORT", "SORT", "BoTSORT", "ByteTrack", "DeepSORT"]
