"""Streams: what runs, where, from which configuration."""

from enum import StrEnum
from typing import Any, Literal

from viseon.schema.base import Digest, Name, Noun, Time


class StreamState(StrEnum):
    """What a stream is doing."""

    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether it will not go on by itself."""
        return self not in (StreamState.STARTING, StreamState.RUNNING)


class StreamConfig(Noun):
    """One configuration a stream has had. Never changes, so events may refer to it."""

    stream: Name
    number: int
    """1 for the first configuration applied under this name."""
    config: Digest
    """Digest of what decides the stream's events; also in every event it makes."""
    model: str
    """The model as `name@number`, also where the document names a tag."""
    model_digest: Digest
    document: dict[str, Any]
    """The configuration with every default filled in, as canonical JSON."""
    text: str
    """What the person wrote."""
    directory: str = ""
    """Where relative paths in it begin; the installation's own folder when empty."""
    applied: Time


class Stream(Noun):
    """A named pipeline and the configuration it runs."""

    name: Name
    number: int = 1
    """Which of its configurations it runs."""
    config: Digest
    """Digest of what decides its events; also in every event it makes."""
    model: str = ""
    """`name@number`."""
    document: dict[str, Any]
    """The configuration with every default filled in, as canonical JSON."""
    directory: str = ""
    """Where relative paths in the document begin."""
    desired: Literal["running", "stopped"] = "stopped"
    """What was asked for; `state` is what is."""
    state: StreamState = StreamState.STOPPED
    reason: str = ""
    """Why it failed, was stopped or waits."""
    frames: int = 0
    fps: float = 0.0
    """Frames per second it gets through now."""
    counts: dict[str, dict[str, int]] = {}
    """Per line `in` and `out`, per zone `inside`."""
    restarts: int = 0
    """How often its process was started again since it was last asked to run."""
    updated: Time
    pid: int | None = None


class StreamPlugin(Noun):
    """Something a stream's configuration may name, and the options it takes."""

    kind: Literal["source", "tracker", "sink"]
    name: str
    summary: str
    options: dict[str, Any]
    """JSON Schema."""
