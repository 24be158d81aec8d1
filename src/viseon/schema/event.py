"""What happened in front of a camera."""

from typing import Literal

from viseon.schema.base import Digest, Name, Noun, Time
from viseon.schema.dataset import Sample, Version
from viseon.schema.model import Model
from viseon.schema.run import Run
from viseon.schema.stream import StreamConfig

EventKind = Literal["crossed", "entered", "left", "loitered"]


class PathPoint(Noun):
    """Where a track's anchor was in one frame, as fractions of the frame."""

    frame_index: int
    time_s: float
    x: float
    y: float


class Event(Noun):
    """Something a rule noticed, with the evidence for it."""

    id: str
    """Made from stream, configuration and event: running a file again gives it again."""
    stream: Name
    config: Digest
    kind: EventKind
    where: str
    """The line or zone."""
    direction: Literal["in", "out"] | None = None
    track_id: int
    class_name: str
    score: float
    frame_index: int
    time_s: float
    """Seconds since the source began."""
    at: Time
    """`time_s` after the source's start."""
    x: float
    y: float
    """Where it happened, as fractions of the frame."""
    dwell_s: float | None = None
    before: PathPoint | None = None
    after: PathPoint | None = None
    path: tuple[PathPoint, ...] = ()
    """The track's recent way, for people to look at."""
    box: tuple[float, float, float, float] | None = None
    """The object's xyxy in the frame, as fractions."""
    model: Digest
    snapshot: Digest | None = None
    """The frame as JPEG; not part of the event's identity."""


class Rollup(Noun):
    """How many events of one kind an hour or a day had; can always be recomputed."""

    stream: Name
    kind: EventKind
    where: str
    direction: str = ""
    class_name: str
    start: Time
    count: int
    dwell_s: float = 0.0


class Trace(Noun):
    """Where an event comes from: every digest on the way, followed as far as it goes."""

    event: Event
    stream: StreamConfig | None = None
    """The configuration that made it."""
    model: Model | None = None
    run: Run | None = None
    """The training that made the model; None for a model made elsewhere."""
    version: Version | None = None
    """The dataset version the model learned from."""
    samples: tuple[Sample, ...] = ()
    """The first of its training images."""
    notes: tuple[str, ...] = ()
    """Why the way ends where it ends."""
