"""Pictures in, consequences out."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseon.schema import Event
from viseon.vision import Tracks


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
    class_names: tuple[str, ...]
    events: tuple[Event, ...]
    counts: dict[str, dict[str, int]]


class Source(Protocol):
    """A camera, file, folder or synthetic scene."""

    @property
    def started_at(self) -> datetime:
        """When `time_s` was zero. Files without a known time begin at 1970-01-01, so that
        running them again gives the same events."""
        ...

    @property
    def fps(self) -> float:
        """Nominal frames per second."""
        ...

    @property
    def total(self) -> int | None:
        """How many frames there are; None if it does not end."""
        ...

    def frames(self) -> Iterator[Frame]:
        """In order; ends at end of file, raises Unavailable when lost."""
        ...

    def close(self) -> None:
        """Release the device; `frames` ends."""
        ...


class Sink(Protocol):
    """An event log, recording, MQTT topic or web hook."""

    def write(self, moment: Moment) -> None:
        """Must return quickly; a slow sink keeps its own queue."""
        ...

    def close(self) -> None:
        """Finish what was accepted."""
        ...
