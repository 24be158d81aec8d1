"""From frames to moments: detect, track, count, judge. No input or output of its own."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viseon.ports import Frame, Moment, Tracker
from viseon.schema import Event
from viseon.streams.config import StreamSpec
from viseon.streams.runtime.analysis import Analysis, Happening, Rules
from viseon.streams.runtime.evidence import Identity, Witness
from viseon.vision import Detections, Tracks

Look = Callable[[Sequence[NDArray[np.uint8]]], Sequence[Detections]]
"""Frames (BGR) in, what is in each of them out."""


class Pipeline:
    """One stream's mind. The same frames, detections and configuration give the same moments."""

    def __init__(
        self, spec: StreamSpec, identity: Identity, look: Look, tracker: Tracker, *, batch: int = 1
    ) -> None:
        self._every, self._batch = spec.detect.every, batch
        self._look, self._tracker = look, tracker
        self._class_names = identity.class_names
        self._analysis = Analysis(spec, identity.size)
        self._rules = Rules(spec.rules, identity.class_names)
        self._witness = Witness(identity)
        self._tracks = Tracks.empty()
        self._last: Frame | None = None
        self._number = 0

    def run(self, frames: Iterable[Frame]) -> Iterator[Moment]:
        """One moment per frame, in order; `batch` frames at a time go through the detector."""
        waiting: list[tuple[Frame, bool]] = []
        for frame in frames:
            waiting.append((frame, self._number % self._every == 0))
            self._number += 1
            if sum(look for _, look in waiting) >= self._batch or not waiting[0][1]:
                yield from self._moments(waiting)
                waiting = []
        yield from self._moments(waiting)

    def finish(self) -> Moment | None:
        """What is decided by the source having ended: the last frame again, marked `final`.

        Not for a stream that was stopped: whoever is inside has not left, and a later run from the
        start would say something else about the same visit.
        """
        if self._last is None:
            return None
        moment = self._moment(self._last, self._analysis.finish(), looked=False)
        return replace(moment, final=True)

    def _moments(self, waiting: Sequence[tuple[Frame, bool]]) -> Iterator[Moment]:
        seen = [frame.pixels for frame, look in waiting if look]
        found = iter(self._look(seen) if seen else ())
        for frame, look in waiting:
            self._last = frame
            if not look:
                yield self._moment(frame, (), looked=False)
                continue
            tracks = self._tracker.update(next(found), frame.pixels, time_s=frame.time_s)
            self._tracks = replace(tracks, time_s=frame.time_s, frame_index=frame.index)
            self._witness.see(self._tracks)
            yield self._moment(frame, self._analysis.update(self._tracks), looked=True)

    def _moment(self, frame: Frame, happened: Sequence[Happening], *, looked: bool) -> Moment:
        events: tuple[Event, ...] = tuple(
            self._witness.event(one) for one in happened if self._rules.wants(one)
        )
        return Moment(
            frame, self._tracks, self._class_names, events, self._analysis.counts(), looked
        )
