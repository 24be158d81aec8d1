"""A frame with what the stream knows drawn on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon import draw
from viseon.ports import Moment, SinkContext

Corner = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Line:
    start: Corner
    end: Corner
    count_in: int
    count_out: int


@dataclass(frozen=True, slots=True)
class _Zone:
    corners: NDArray[np.float64]
    holes: tuple[NDArray[np.float64], ...]
    count: int


class Overlay:
    """Draws moments of one stream; feed it all of them, in order, for the paths to be right."""

    def __init__(self, context: SinkContext) -> None:
        self._context = context
        self._traces = draw.Traces()

    def note(self, moment: Moment) -> None:
        """Remember where the tracks are, whether or not this frame will be drawn."""
        if moment.looked:
            self._traces.update(moment.tracks)

    def picture(self, moment: Moment) -> NDArray[np.uint8]:
        """A new picture: zones and lines with counts, paths, boxes with ids."""
        picture = moment.frame.pixels.copy()
        for name, region in self._context.zones.items():
            rings = [np.asarray(ring, np.float64) for ring in (region.polygon, *region.holes)]
            zone = _Zone(rings[0], tuple(rings[1:]), moment.counts[name]["inside"])
            draw.zone(picture, zone, name=name)
        self._traces.draw(picture)
        draw.tracks(picture, moment.tracks, class_names=moment.class_names)
        for name, (start, end) in self._context.lines.items():
            counts = moment.counts[name]
            draw.line(picture, _Line(start, end, counts["in"], counts["out"]), name=name)
        return picture
