"""Pictures in, consequences out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseon.ports.eventlog import EventLog
from viseon.schema import Event
from viseon.vision import Tracks

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and when it was taken."""

    pixels: NDArray[np.uint8]
    """BGR, height x width x 3, as video decoders give it."""
    index: int
    time_s: float
    """Seconds since the source began; never goes back."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A frame with everything the stream made of it."""

    frame: Frame
    tracks: Tracks
    """The last ones seen, on frames in which nobody looked (`detect.every`)."""
    class_names: tuple[str, ...]
    events: tuple[Event, ...]
    counts: dict[str, dict[str, int]]
    """So far, per line `in` and `out`; now, per zone `inside`."""
    looked: bool = True
    """Whether the detector saw this frame."""
    final: bool = False
    """The source has ended: the last frame once more, with what its end decided."""


class Source(Protocol):
    """A camera, file, folder or synthetic scene.

    A plugin's `build(config)` gives one. It raises Invalid where the thing named cannot be
    what the config says (no such file, not a video) before any frame is asked for.
    """

    @property
    def started_at(self) -> datetime:
        """When `time_s` was zero, aware UTC.

        Live sources say the wall clock at their first frame. A recording says when it was made
        if somebody told it (an option of its own), else 1970-01-01T00:00:00Z: never the time of
        the run and never the file's date, which copying changes. So every event's `at`, and with
        it its id, is the same on every run.
        """
        ...

    @property
    def fps(self) -> float:
        """Nominal frames per second."""
        ...

    @property
    def total(self) -> int | None:
        """About how many frames there are; None if it does not end."""
        ...

    def frames(self) -> Iterator[Frame]:
        """In order, all of one size; ends at end of file, raises Unavailable when lost."""
        ...

    def close(self) -> None:
        """Release the device; `frames` ends."""
        ...


@dataclass(frozen=True, slots=True)
class Region:
    """A zone's outline in pixels of the frame."""

    polygon: tuple[Corner, ...]
    holes: tuple[tuple[Corner, ...], ...] = ()


class Preview(Protocol):
    """Where the newest picture goes for people to look at. Lossy: it never makes a stream wait."""

    def wants(self, time_s: float) -> bool:
        """Whether a picture shown now would be seen; making one costs time."""
        ...

    def show(self, jpeg: bytes, *, index: int, time_s: float) -> None:
        """Hand it over; a newer one replaces it."""
        ...


@dataclass(frozen=True, slots=True)
class SinkContext:
    """What a sink may know of the stream it belongs to."""

    stream: str
    class_names: tuple[str, ...]
    fps: float
    size: tuple[int, int]
    """Width and height of every frame, pixels."""
    lines: Mapping[str, tuple[Corner, Corner]] = field(default_factory=dict)
    """Start and end, pixels."""
    zones: Mapping[str, Region] = field(default_factory=dict)
    events: EventLog | None = None
    """The installation's event log, where the stream runs in one."""
    preview: Preview | None = None
    """Somebody who may be watching."""


class Sink(Protocol):
    """An event log, recording, MQTT topic or web hook.

    A plugin's `build(config, context)` gives one, just before the first frame. A field of type
    `Path` in its config arrives resolved against the folder of the stream's file.
    """

    def write(self, moment: Moment) -> None:
        """Must return quickly; a slow sink keeps its own queue."""
        ...

    def close(self) -> None:
        """Finish what was accepted. Safe to repeat; called on every way out."""
        ...
