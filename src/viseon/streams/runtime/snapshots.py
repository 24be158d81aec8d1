"""The frame of each event, kept as JPEG among the blobs."""

from collections import deque
from dataclasses import replace

from viseon.ports import BlobStore, Frame, Images, Moment
from viseon.schema import Digest, Event
from viseon.streams.config import StreamSpec

_DECIDED_WITHIN = 8
"""Frames between a crossing and its being decided, at most, while the track is seen."""
_MOST_LOST = 32
"""Tracks that vanished and may yet be said to have left; each may hold a frame of its own."""


class Snapshots:
    """Holds on to the frames that an event may still turn out to have happened in."""

    def __init__(self, spec: StreamSpec, images: Images, blobs: BlobStore) -> None:
        self._policy, self._images, self._blobs = spec.snapshot, images, blobs
        settle = max((zone.settle_frames for zone in spec.zones.values()), default=0)
        self._recent: deque[Frame] = deque(maxlen=max(_DECIDED_WITHIN, settle + 2))
        self._last: dict[int, Frame] = {}

    def take(self, moment: Moment) -> Moment:
        """The same, its events with their snapshots. A frame no longer held gives none."""
        if not self._policy.events:
            return moment
        self._hold(moment)
        kept: dict[int, Digest] = {}
        return replace(moment, events=tuple(self._shown(e, kept) for e in moment.events))

    def _hold(self, moment: Moment) -> None:
        if not moment.looked:
            return
        self._recent.append(moment.frame)
        for track_id in moment.tracks.track_id.tolist():
            self._last.pop(track_id, None)  # to the end: the longest unseen come first
            self._last[track_id] = moment.frame
        while len(self._last) > _MOST_LOST + len(moment.tracks):
            del self._last[next(iter(self._last))]

    def _shown(self, event: Event, kept: dict[int, Digest]) -> Event:
        index = event.frame_index
        if index not in kept:
            frame = self._find(index, event.track_id)
            if frame is None:
                return event
            jpeg = self._images.encode(frame.pixels, quality=self._policy.quality)
            kept[index] = self._blobs.put(jpeg)
        return event.model_copy(update={"snapshot": kept[index]})

    def _find(self, index: int, track_id: int) -> Frame | None:
        held = [*self._recent, *filter(None, [self._last.get(track_id)])]
        return next((frame for frame in held if frame.index == index), None)
