"""DeepSORT as a plugin."""

from pathlib import Path

from pydantic import Field

from viseon.adapters.trackers.reid import encoder_for
from viseon.plugins import Plugin
from viseon.schema import Noun
from viseon.vision import DeepSORT, colour_encoder


class DeepSortConfig(Noun):
    """Options of DeepSORT: finds tracks again by what they look like."""

    encoder: Path | None = Field(
        None, description="ONNX file that turns a person's picture into a vector; else colours."
    )
    min_score: float = Field(0.3, ge=0, le=1, description="Detections below are ignored.")
    lost_s: float = Field(2.0, ge=0, description="How long an unseen track is kept, in seconds.")
    min_hits: int = Field(3, ge=1, description="Consecutive frames until a track gets its id.")
    max_distance: float = Field(0.2, ge=0, le=2, description="Cosine distance of the same looks.")
    min_iou: float = Field(0.3, ge=0, le=1, description="Overlap that means the same object.")
    gallery: int = Field(16, ge=1, le=100, description="Sightings remembered of each track.")
    class_aware: bool = Field(False, description="Never match detections of different classes.")


def build(config: DeepSortConfig) -> DeepSORT:
    """A tracker for one stream."""
    encoder = colour_encoder if config.encoder is None else encoder_for(config.encoder)
    return DeepSORT(encoder=encoder, **config.model_dump(exclude={"encoder"}))


plugin = Plugin("tracker", "deepsort", DeepSortConfig, build)
