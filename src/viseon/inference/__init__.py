"""Running models on frames: geometry, preprocessing, the detector, and how models are numbered."""

from typing import TYPE_CHECKING

from viseon.inference.geometry import Placement, place
from viseon.inference.registry import (
    find_model,
    latest_model,
    model_digest,
    model_key,
    register,
)
from viseon.later import later

if TYPE_CHECKING:
    from viseon.inference.detector import Detector, Prepared

__all__ = [
    "Detector",
    "Placement",
    "Prepared",
    "find_model",
    "latest_model",
    "model_digest",
    "model_key",
    "place",
    "register",
]

__getattr__, __dir__ = later(
    __name__,
    {"Detector": "viseon.inference.detector", "Prepared": "viseon.inference.detector"},
)
