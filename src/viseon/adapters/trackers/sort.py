"""SORT as a plugin."""

from pydantic import Field

from viseon.plugins import Plugin
from viseon.schema import Noun
from viseon.vision import SORT


class SortConfig(Noun):
    """Options of SORT: predict, overlap, assign; nothing else."""

    min_score: float = Field(0.25, ge=0, le=1, description="Detections below are ignored.")
    lost_s: float = Field(1.0, ge=0, description="How long an unseen track is kept, in seconds.")
    min_hits: int = Field(3, ge=1, description="Consecutive frames until a track gets its id.")
    min_iou: float = Field(0.3, ge=0, le=1, description="Overlap that means the same object.")
    class_aware: bool = Field(False, description="Never match detections of different classes.")


def build(config: SortConfig) -> SORT:
    """A tracker for one stream."""
    return SORT(**config.model_dump())


plugin = Plugin("tracker", "sort", SortConfig, build)
