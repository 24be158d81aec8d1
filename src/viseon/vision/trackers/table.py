"""What every tracker keeps: one row per track in step with its motion filter, and the clock."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import OutOfOrder, VisionError
from viseon.vision.kalman import BoxFilter, centered

FRAME_S = 1 / 30
"""The unit of a filter's velocity; also the step where a stream has no timestamps."""

Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Clock:
    """Counts frames and refuses time that runs backwards."""

    __slots__ = ("frame_index", "time_s")

    def __init__(self) -> None:
        self.time_s: float | None = None
        self.frame_index = -1

    def step(self, time_s: float | None) -> float:
        """Advance one frame and return how many frames of 1/30 s passed.

        Raises OutOfOrder for a time before the last frame's; an equal time passes as a step of 0.
        """
        last = self.time_s
        now = float(time_s) if time_s is not None else 0.0 if last is None else last + FRAME_S
        if not np.isfinite(now):
            raise OutOfOrder(f"time_s: {time_s} is not a time")
        if last is not None and now < last:
            raise OutOfOrder(
                f"time_s: {now} after {last}; feed frames in order, or call reset() first"
            )
        self.time_s = now
        self.frame_index += 1
        if last is None:
            return 1.0
        steps = (now - last) / FRAME_S
        return float(round(steps, 9))

    @property
    def now_s(self) -> float:
        """The time of the current frame."""
        return 0.0 if self.time_s is None else self.time_s


class Table:
    """Columns of equal length: identity (0 until confirmed), class, sightings, last one, motion."""

    __slots__ = ("class_id", "hits", "motion", "seen_s", "track_id")

    def __init__(self) -> None:
        self.track_id: Indices = np.empty(0, np.int64)
        self.class_id: Indices = np.empty(0, np.int64)
        self.hits: Indices = np.empty(0, np.int64)
        self.seen_s: NDArray[np.float64] = np.empty(0)
        self.motion = BoxFilter()

    def __len__(self) -> int:
        return len(self.track_id)

    def see(self, rows: Indices, seen: Detections, time_s: float) -> None:
        """Correct the rows with the detections that belong to them."""
        if len(rows):
            self.motion.update(rows, centered(seen.xyxy))
            self.class_id[rows] = seen.class_id
            self.hits[rows] += 1
            self.seen_s[rows] = time_s

    def keep(self, which: Bools) -> None:
        """Forget all other rows."""
        self.track_id, self.hits = self.track_id[which], self.hits[which]
        self.class_id, self.seen_s = self.class_id[which], self.seen_s[which]
        self.motion.keep(which)

    def add(self, seen: Detections, track_id: Indices, time_s: float) -> None:
        """Append rows seen for the first time."""
        n = len(seen)
        self.track_id = np.concatenate([self.track_id, track_id])
        self.class_id = np.concatenate([self.class_id, seen.class_id])
        self.hits = np.concatenate([self.hits, np.ones(n, np.int64)])
        self.seen_s = np.concatenate([self.seen_s, np.full(n, time_s)])
        self.motion.add(BoxFilter.born(centered(seen.xyxy)))

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        return {
            "track_id": self.track_id.tolist(),
            "class_id": self.class_id.tolist(),
            "hits": self.hits.tolist(),
            "seen_s": self.seen_s.tolist(),
            "motion": self.motion.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """From what `state` gave."""
        self.track_id = np.asarray(state["track_id"], np.int64)
        self.class_id = np.asarray(state["class_id"], np.int64)
        self.hits = np.asarray(state["hits"], np.int64)
        self.seen_s = np.asarray(state["seen_s"], np.float64)
        self.motion = BoxFilter.restored(state["motion"])


class TableTracker:
    """The life of tracks, without the matching: clock, ids, births, deaths, state."""

    def __init__(self, *, lost_s: float, min_hits: int) -> None:
        if lost_s < 0:
            raise VisionError(f"lost_s: {lost_s} must not be negative")
        if min_hits < 1:
            raise VisionError(f"min_hits: {min_hits} must be at least 1")
        self._lost_s = lost_s
        self._min_hits = min_hits
        self._next_id = 1
        self._clock = Clock()
        self._table = Table()

    def reset(self) -> None:
        """Forget all tracks and the time, but not the ids given: none is ever used again."""
        self._clock = Clock()
        self._table = Table()

    def state(self) -> dict[str, Any]:
        """Everything needed to go on after a restart, JSON-able and exact."""
        return {
            "kind": type(self).__name__,
            "next_id": self._next_id,
            "time_s": self._clock.time_s,
            "frame_index": self._clock.frame_index,
            "table": self._table.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; raises VisionError for the state of another tracker."""
        if state.get("kind") != type(self).__name__:
            raise VisionError(f"state: of {state.get('kind')!r}, not of {type(self).__name__}")
        self._next_id = int(state["next_id"])
        self._clock = Clock()
        self._clock.time_s = state["time_s"]
        self._clock.frame_index = int(state["frame_index"])
        self._table.restore(state["table"])

    def _new_ids(self, n: int) -> Indices:
        ids = np.arange(self._next_id, self._next_id + n)
        self._next_id += n
        return ids

    def _settle(self, detections: Detections, found: Indices, births: Indices) -> Tracks:
        """Close the frame: see, confirm, drop the dead, add the newborn, report the confirmed.

        `found` holds each row's detection or -1; `births` the detections that start a track.
        """
        table, now = self._table, self._clock.now_s
        rows = np.flatnonzero(found >= 0)
        table.see(rows, detections.where(found[rows]), now)
        unconfirmed = table.track_id == 0
        if unconfirmed.any():
            ready = unconfirmed & (table.hits >= self._min_hits)
            table.track_id[ready] = self._new_ids(int(ready.sum()))
            unconfirmed &= ~ready
        dead = np.where(unconfirmed, found < 0, now - table.seen_s > self._lost_s + 1e-9)
        if dead.any():
            table.keep(~dead)
            found = found[~dead]
        if len(births):
            found = np.concatenate([found, self._bear(detections, births)])
        shown = (found >= 0) & (table.track_id > 0)
        return Tracks(
            detections.where(found[shown]),
            table.track_id[shown],
            now,
            self._clock.frame_index,
        )

    def _bear(self, detections: Detections, rows: Indices) -> Indices:
        """Start a track for each row, the best first, so that their order does not matter."""
        order = np.lexsort((*detections.xyxy[rows].T, -detections.score[rows]))
        rows = rows[order]
        at_once = self._min_hits == 1 or self._clock.frame_index == 0
        ids = self._new_ids(len(rows)) if at_once else np.zeros(len(rows), np.int64)
        self._table.add(detections.where(rows), ids, self._clock.now_s)
        return rows
