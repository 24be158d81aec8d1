"""Viseon: from camera to dataset to model to event, and back."""

__version__ = "0.1.0"
