"""OC-SORT as a plugin."""

from pydantic import Field

from viseon.plugins import Plugin
from viseon.schema import Noun
from viseon.vision import OCSORT


class OcSortConfig(Noun):
    """Options of OC-SORT: trusts what was seen more than what was predicted."""

    high_score: float = Field(0.4, ge=0, le=1, description="Score of a sure detection.")
    low_score: float = Field(0.1, ge=0, le=1, description="Detections below are ignored.")
    lost_s: float = Field(1.5, ge=0, description="How long an unseen track is kept, in seconds.")
    min_hits: int = Field(3, ge=1, description="Consecutive frames until a track gets its id.")
    min_iou: float = Field(0.3, ge=0, le=1, description="Overlap that means the same object.")
    direction_weight: float = Field(0.2, ge=0, le=1, description="How much the direction counts.")
    class_aware: bool = Field(False, description="Never match detections of different classes.")


def build(config: OcSortConfig) -> OCSORT:
    """A tracker for one stream."""
    return OCSORT(**config.model_dump())


plugin = Plugin("tracker", "ocsort", OcSortConfig, build)
