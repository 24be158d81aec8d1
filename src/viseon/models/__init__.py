"""Models and their signatures."""

from viseon.models.classes import read_classes
from viseon.models.load import LoadedModel, load
from viseon.models.service import Models
from viseon.models.signature import Overrides, infer_signature

__all__ = ["LoadedModel", "Models", "Overrides", "infer_signature", "load", "read_classes"]
