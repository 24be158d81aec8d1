"""Streams: what runs, where, from which configuration."""

from enum import StrEnum
from typing import Any

from viseon.schema.base import Digest, Name, Noun, Time


class StreamState(StrEnum):
    """What a stream is doing."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


class Stream(Noun):
    """A named pipeline and the configuration it runs."""

    name: Name
    config: Digest
    """Digest of the canonical configuration; also in every event the stream makes."""
    document: dict[str, Any]
    """The configuration itself, as canonical JSON."""
    state: StreamState = StreamState.STOPPED
    reason: str = ""
    frames: int = 0
    fps: float = 0.0
    counts: dict[str, dict[str, int]] = {}
    """Per line `in` and `out`, per zone `inside`."""
    updated: Time
    pid: int | None = None
