"""Trackers, written from their papers: detections in, identities out."""

from viseon.vision.trackers.bytetrack import ByteTrack

__all__ = ["ByteTrack"]
