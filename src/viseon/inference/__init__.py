"""Running models on frames: geometry, preprocessing, the detector, and how models are numbered."""

from viseon.inference.detector import Detector, Prepared
from viseon.inference.geometry import Placement, place
from viseon.inference.registry import (
    find_model,
    latest_model,
    model_digest,
    model_key,
    register,
)

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
