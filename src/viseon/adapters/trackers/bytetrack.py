"""ByteTrack as a plugin."""

from pydantic import Field

from viseon.plugins import Plugin
from viseon.schema import Noun
from viseon.vision import ByteTrack


class ByteTrackConfig(Noun):
    """Options of ByteTrack: every detection box counts, also the doubtful ones."""

    high_score: float = Field(0.4, ge=0, le=1, description="Score of a sure detection.")
    low_score: float = Field(0.1, ge=0, le=1, description="Detections below are ignored.")
    new_score: float | None = Field(
        None, ge=0, le=1, description="Score that starts a track; high_score if not given."
    )
    lost_s: float = Field(1.5, ge=0, description="How long an unseen track is kept, in seconds.")
    min_hits: int = Field(2, ge=1, description="Consecutive frames until a track gets its id.")
    min_iou: float = Field(0.2, ge=0, le=1, description="Overlap for sure detections.")
    min_iou_low: float = Field(0.5, ge=0, le=1, description="Overlap for doubtful detections.")
    min_iou_new: float = Field(0.3, ge=0, le=1, description="Overlap for unconfirmed tracks.")
    class_aware: bool = Field(False, description="Never match detections of different classes.")


def build(config: ByteTrackConfig) -> ByteTrack:
    """A tracker for one stream."""
    return ByteTrack(**config.model_dump())


plugin = Plugin("tracker", "bytetrack", ByteTrackConfig, build)
