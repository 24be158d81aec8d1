"""What is remembered of each track, so that an event can be shown and checked."""

import hashlib
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from viseon.schema import Digest, Event, PathPoint, canonical_json, new_id
from viseon.streams.runtime.analysis import Happening, Size
from viseon.vision import Tracks, anchor_points
from viseon.vision.line import Sample

PATH_LENGTH = 32
"""Points of a track's way that an event carries."""
_REMEMBERED = 48
_FORGET_AFTER_S = 30.0

XyXy = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes an event this stream's, and the same one on every run."""

    stream: str
    config: Digest
    model: Digest
    class_names: tuple[str, ...]
    started_at: datetime
    size: Size


@dataclass(frozen=True, slots=True)
class _Sighting:
    frame_index: int
    time_s: float
    xyxy: XyXy
    score: float


class Evidence:
    """The recent past of every track."""

    def __init__(self) -> None:
        self._past: dict[int, deque[_Sighting]] = {}

    def note(self, tracks: Tracks) -> None:
        """Remember where they are."""
        columns = zip(
            tracks.track_id.tolist(), tracks.xyxy.tolist(), tracks.score.tolist(), strict=True
        )
        for track_id, (x1, y1, x2, y2), score in columns:
            seen = _Sighting(tracks.frame_index, tracks.time_s, (x1, y1, x2, y2), score)
            self._past.setdefault(track_id, deque(maxlen=_REMEMBERED)).append(seen)
        if len(self._past) > 2 * len(tracks) + 64:
            old = tracks.time_s - _FORGET_AFTER_S
            self._past = {k: v for k, v in self._past.items() if v[-1].time_s >= old}

    def until(self, track_id: int, frame_index: int) -> list[_Sighting]:
        """The track's sightings up to a frame, oldest first."""
        return [s for s in self._past.get(track_id, ()) if s.frame_index <= frame_index]


class Witness:
    """Makes events out of what happened, each with the evidence for it."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._evidence = Evidence()
        self._ordinals: Counter[tuple[str, str, int]] = Counter()

    def see(self, tracks: Tracks) -> None:
        """Remember a frame's tracks before asking for its events."""
        self._evidence.note(tracks)

    def event(self, happening: Happening) -> Event:
        """The event; calling it again for the next of its kind gives the next ordinal."""
        who, h = self._identity, happening
        seen = h.sighting
        past = self._evidence.until(h.track_id, seen.frame_index)
        time_s = round(h.time_s, 6)
        at = who.started_at + timedelta(seconds=time_s)
        x, y = self._fraction(h.point)
        return Event(
            id=new_id(at, entropy=self._entropy(h)),
            stream=who.stream,
            config=who.config,
            kind=h.kind,
            where=h.where,
            direction=h.direction,
            track_id=h.track_id,
            class_name=who.class_names[h.class_id],
            score=round(past[-1].score, 4) if past else 0.0,
            frame_index=seen.frame_index,
            time_s=time_s,
            at=at,
            x=x,
            y=y,
            dwell_s=None if h.dwell_s is None else round(h.dwell_s, 6),
            before=None if h.before is None else self._sample(h.before),
            after=None if h.after is None else self._sample(h.after),
            path=self._path(past[-PATH_LENGTH:], h),
            box=self._box(past[-1].xyxy) if past else None,
            model=who.model,
        )

    def _entropy(self, h: Happening) -> bytes:
        """Different for everything that happens, equal whenever it happens again."""
        key = (h.kind, h.where, h.track_id)
        self._ordinals[key] += 1
        who = self._identity
        told = [who.stream, who.config, *key, self._ordinals[key]]
        return hashlib.sha256(canonical_json(told)).digest()

    def _path(self, past: Sequence[_Sighting], h: Happening) -> tuple[PathPoint, ...]:
        if not past:
            return ()
        points = anchor_points(np.array([s.xyxy for s in past], np.float32), h.anchor).tolist()
        return tuple(
            self._sample(Sample(s.frame_index, s.time_s, (x, y)))
            for s, (x, y) in zip(past, points, strict=True)
        )

    def _sample(self, sample: Sample) -> PathPoint:
        x, y = self._fraction(sample.xy)
        return PathPoint(frame_index=sample.frame_index, time_s=round(sample.time_s, 6), x=x, y=y)

    def _box(self, xyxy: XyXy) -> XyXy:
        return (*self._fraction(xyxy[:2]), *self._fraction(xyxy[2:]))

    def _fraction(self, xy: tuple[float, float]) -> tuple[float, float]:
        width, height = self._identity.size
        return round(xy[0] / width, 6), round(xy[1] / height, 6)
