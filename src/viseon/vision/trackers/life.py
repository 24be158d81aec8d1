"""The life of tracks without the matching: ids, births, deaths, state."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from viseon.vision.assign import Pairs, matched
from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import VisionError
from viseon.vision.trackers.table import Bools, Clock, Floats, Indices, Table


class TableTracker:
    """What all trackers share. A frame is `_advance`, the tracker's own matching, `_settle`."""

    def __init__(
        self, *, lost_s: float, min_hits: int, columns: Mapping[str, Floats] | None = None
    ) -> None:
        if not lost_s >= 0:
            raise VisionError(f"lost_s: {lost_s} must not be negative")
        if min_hits < 1:
            raise VisionError(f"min_hits: {min_hits} must be at least 1")
        self._lost_s = lost_s
        self._min_hits = min_hits
        self._columns = columns
        self._next_id = 1
        self._clock = Clock()
        self._table = Table(columns)

    def reset(self) -> None:
        """Forget all tracks and the time, but not the ids given: none is ever used again."""
        self._clock = Clock()
        self._table = Table(self._columns)

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
        self._table = Table(self._columns)
        self._table.restore(state["table"])

    def _advance(self, time_s: float | None) -> float:
        """Move the clock and all motion filters to this frame; returns the frames of 1/30 s."""
        steps = self._clock.step(time_s)
        table = self._table
        if len(table):
            unseen = np.flatnonzero(table.seen_s < self._clock.before_s)
            if len(unseen):
                table.motion.hold_size(unseen)
            table.motion.predict(steps)
        return steps

    def _settle(self, detections: Detections, found: Indices, births: Indices) -> Tracks:
        """Close the frame: see, confirm, drop the dead, add the newborn, report the confirmed.

        `found` holds each row's detection or -1; `births` the detections that start a track.
        """
        table, now = self._table, self._clock.now_s
        rows = np.flatnonzero(found >= 0)
        if len(rows):
            seen = detections.where(found[rows])
            table.see(rows, seen, now)
            self._learn(rows, found[rows], seen)
        unconfirmed = table.track_id == 0
        if unconfirmed.any():
            ready = unconfirmed & (table.hits >= self._min_hits)
            table.track_id[ready] = self._new_ids(int(np.count_nonzero(ready)))
            unconfirmed &= ~ready
        if len(rows) < len(table):
            dead = np.where(unconfirmed, found < 0, now - table.seen_s > self._lost_s + 1e-9)
            if dead.any():
                table.keep(~dead)
                found = found[~dead]
        if len(births):
            found = np.concatenate([found, self._bear(detections, births)])
        shown = (found >= 0) & (table.track_id > 0)
        ids = table.track_id[shown]  # ascending, because rows are appended and never reordered
        return Tracks.trusted(detections.where(found[shown]), ids, now, self._clock.frame_index)

    def _bear(self, detections: Detections, rows: Indices) -> Indices:
        """Start a track for each row, the best first, so that their order does not matter."""
        rows = rows[np.lexsort((*detections.xyxy[rows].T, -detections.score[rows]))]
        at_once = self._min_hits == 1 or self._clock.frame_index == 0
        ids = self._new_ids(len(rows)) if at_once else np.zeros(len(rows), np.int64)
        table = self._table
        old = len(table)
        born = detections.where(rows)
        table.add(born, ids, self._clock.now_s)
        self._learn(np.arange(old, len(table)), rows, born)
        return rows

    def _learn(self, rows: Indices, at: Indices, seen: Detections) -> None:
        """Fill a tracker's further columns from the detections `seen`, rows `at` of the frame's."""

    def _new_ids(self, n: int) -> Indices:
        ids = np.arange(self._next_id, self._next_id + n)
        self._next_id += n
        return ids


def take(pairs: Pairs, least: float, found: Indices, tracks: Bools, free: Bools) -> None:
    """Match some tracks with the free detections; writes into `found` and `free`."""
    chosen = pairs.where((pairs.similarity >= least) & tracks[pairs.rows] & free[pairs.cols])
    keep = matched(chosen, least)
    rows, cols = chosen.rows[keep], chosen.cols[keep]
    found[rows] = cols
    free[cols] = False


def same_class(pairs: Pairs, table: Table, detections: Detections) -> Pairs:
    """Only the pairs of a track and a detection of its class."""
    return pairs.where(table.class_id[pairs.rows] == detections.class_id[pairs.cols])
