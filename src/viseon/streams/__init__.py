"""Streams: from a camera to events."""
