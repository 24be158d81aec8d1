"""Who is inside a polygon, since when, and who came, left or lingered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision import polygon
from viseon.vision.anchors import Anchor, anchor_points, check_anchor
from viseon.vision.detections import Tracks
from viseon.vision.errors import BadGeometry, OutOfOrder
from viseon.vision.line import Point, Sample
from viseon.vision.memory import TrackMemory

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Kind = Literal["entered", "left", "loitered"]


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """Something that happened at a zone, with its proof.

    `before` and `after` are the sightings around it; `before` is None for a track first seen
    inside, `after` is None for one that vanished inside. `dwell_s` is the length of the visit so
    far.
    """

    kind: Kind
    track_id: int
    class_id: int
    time_s: float
    point: Point
    dwell_s: float
    before: Sample | None
    after: Sample | None


class Zone:
    """A polygon, with holes if need be, that knows which tracks' anchors it covers.

    Membership is exact in every frame, the border included. A visit begins and ends when the anchor
    stays on its side for `settle_frames` sightings, dated back to the moment it passed the border,
    so one frame of flicker is neither. A track not seen for `gone_s` has left when it was last
    seen. Visits begin from a track's `min_age`-th sighting on; `loiter_s` is the dwell that is
    reported as loitering, once per visit.
    """

    def __init__(  # noqa: PLR0913  # all optional and keyword-only
        self,
        polygon_xy: ArrayLike,
        *,
        holes: Sequence[ArrayLike] = (),
        anchor: Anchor = "bottom_center",
        min_age: int = 2,
        settle_frames: int = 2,
        gone_s: float = 5.0,
        loiter_s: float | None = None,
    ) -> None:
        self._ring = polygon.ring("polygon", polygon_xy)
        self._holes = tuple(polygon.ring(f"holes[{i}]", hole) for i, hole in enumerate(holes))
        self._edges = polygon.Edges(self._ring)
        self._hole_edges = tuple(polygon.Edges(hole) for hole in self._holes)
        if loiter_s is not None and not loiter_s > 0:
            raise BadGeometry(f"loiter_s: {loiter_s} must be positive")
        self._anchor = check_anchor(anchor)
        self._min_age, self._settle = min_age, max(1, settle_frames)
        self._gone_s, self._loiter_s = gone_s, loiter_s
        self._time_s = -np.inf
        self._visits: dict[int, tuple[float, float]] = {}
        self.changes: list[ZoneChange] = []
        """What the last update decided, by track id."""
        self.count = 0
        """Tracks inside in the last frame."""
        self.entered = 0
        """Visits begun so far."""
        self.left = 0
        """Visits ended so far."""
        self._memory = TrackMemory(
            {
                "xy": (0.0, (2,)),
                "seen_s": (0.0, ()),
                "frame_index": (0, ()),
                "class_id": (0, ()),
                "age": (0, ()),
                "was_in": (False, ()),  # in the last sighting
                "visiting": (False, ()),
                "streak": (0, ()),  # sightings in a row that contradict `visiting`
                "since_s": (0.0, ()),  # when the visit began
                "loitered": (False, ()),
                # The passage that started the streak: place, time, and both sightings.
                "pass_xy": (0.0, (2,)),
                "pass_s": (0.0, ()),
                "pass_before": (np.nan, (4,)),
                "pass_after": (np.nan, (4,)),
            }
        )

    @property
    def corners(self) -> Floats:
        """The outer ring (k, 2), pixels."""
        return self._ring.copy()

    @property
    def holes(self) -> tuple[Floats, ...]:
        """The rings cut out of it."""
        return tuple(hole.copy() for hole in self._holes)

    @property
    def track_ids(self) -> list[int]:
        """Tracks whose visit has begun and not ended, ascending."""
        ids: list[int] = self._memory.track_id[self._memory["visiting"]].tolist()
        return ids

    def covers(self, points: ArrayLike) -> Bools:
        """Which points (n, 2) lie in the polygon and in no hole; borders are inside."""
        xy = np.asarray(points, np.float64).reshape(-1, 2)
        covered = polygon.inside(xy, self._edges)
        for hole in self._hole_edges:
            covered &= ~polygon.strictly_inside(xy, hole)
        return covered

    def dwell_s(self, track_id: int) -> float:
        """Seconds of the track's present visit up to its last sighting, or of its last; else 0."""
        row = self._memory.row(track_id)
        if row is not None and self._memory["visiting"][row]:
            return float(self._memory["seen_s"][row] - self._memory["since_s"][row])
        since_s, until_s = self._visits.get(track_id, (0.0, 0.0))
        return until_s - since_s

    def update(self, tracks: Tracks) -> Bools:
        """Which tracks are inside now (n,); `changes` tells what began, ended or lasted."""
        if tracks.time_s < self._time_s:
            raise OutOfOrder(f"time_s: {tracks.time_s} after {self._time_s}; feed frames in order")
        self._time_s = tracks.time_s
        self.changes = self._forget(tracks.time_s - self._gone_s)
        xy = anchor_points(tracks.xyxy, self._anchor)
        covered = self.covers(xy)
        self.count = int(np.count_nonzero(covered))
        if len(tracks):
            self._follow(tracks, xy, covered)
        return covered

    def flush(self) -> list[ZoneChange]:
        """End every visit at its last sighting: at the end of a stream."""
        self.changes = self._forget(np.inf)
        self.count = 0
        return self.changes

    def state(self) -> dict[str, Any]:
        """Counts and memory, JSON-able and exact."""
        return {
            "time_s": None if np.isinf(self._time_s) else self._time_s,
            "counts": [self.count, self.entered, self.left],
            "visits": [[track_id, *span] for track_id, span in self._visits.items()],
            "memory": self._memory.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._time_s = -np.inf if state["time_s"] is None else float(state["time_s"])
        self.count, self.entered, self.left = state["counts"]
        self._visits = {track_id: (since, until) for track_id, since, until in state["visits"]}
        self._memory.restore(state["memory"])
        self.changes = []

    def _follow(self, tracks: Tracks, xy: Floats, covered: Bools) -> None:
        memory = self._memory
        at, new = memory.rows(tracks.track_id)
        visiting = memory["visiting"][at]
        streak = np.where(covered != visiting, memory["streak"][at] + 1, 0)
        if streak.any():
            for i in np.flatnonzero(streak == 1).tolist():
                first = new is not None and bool(new[i])
                self._note_passage(tracks, _row(at, i), xy[i], first=first)
        memory["streak"][at] = streak
        memory["xy"][at] = xy
        memory["seen_s"][at] = tracks.time_s
        memory["frame_index"][at] = tracks.frame_index
        memory["class_id"][at] = tracks.class_id
        memory["age"][at] += 1
        memory["was_in"][at] = covered
        if streak.any():
            due = (streak >= self._settle) & (memory["age"][at] >= self._min_age)
            self.changes += [self._turn(_row(at, i)) for i in np.flatnonzero(due).tolist()]
        if self._loiter_s is not None:
            self._linger(at)
        self.changes.sort(key=lambda change: change.track_id)

    def _note_passage(self, tracks: Tracks, row: int, xy: Floats, *, first: bool) -> None:
        memory = self._memory
        after = (tracks.frame_index, tracks.time_s, xy[0], xy[1])
        memory["pass_after"][row] = after
        if first:
            memory["pass_xy"][row], memory["pass_s"][row] = xy, tracks.time_s
            memory["pass_before"][row] = np.nan
            return
        old, since = memory["xy"][row], float(memory["seen_s"][row])
        share = self._border(old, xy, leaving=bool(memory["visiting"][row]))
        memory["pass_xy"][row] = old + (xy - old) * share
        memory["pass_s"][row] = since + (tracks.time_s - since) * share
        memory["pass_before"][row] = (memory["frame_index"][row], since, old[0], old[1])

    def _border(self, a: Floats, b: Floats, *, leaving: bool) -> float:
        """Where the path from `a` to `b` passes the border, as a share of it."""
        shares = np.concatenate([_shares(a, b, r) for r in (self._ring, *self._holes)])
        if not len(shares):
            return 1.0
        return float(shares.min() if leaving else shares.max())

    def _turn(self, row: int) -> ZoneChange:
        """The visit of `row` begins or ends, at the passage noted."""
        memory = self._memory
        ends = bool(memory["visiting"][row])
        memory["visiting"][row], memory["streak"][row] = not ends, 0
        time_s, point = float(memory["pass_s"][row]), _pair(memory["pass_xy"][row])
        before, after = _sample(memory["pass_before"][row]), _sample(memory["pass_after"][row])
        if ends:
            return self._end(row, time_s, point, before, after)
        memory["since_s"][row], memory["loitered"][row] = time_s, False
        self.entered += 1
        return self._change("entered", row, time_s, point, before, after)

    def _end(
        self, row: int, time_s: float, point: Point, before: Sample | None, after: Sample | None
    ) -> ZoneChange:
        self.left += 1
        since_s = float(self._memory["since_s"][row])
        self._visits[int(self._memory.track_id[row])] = (since_s, time_s)
        return self._change("left", row, time_s, point, before, after)

    def _change(  # noqa: PLR0913, PLR0917  # it is the value's own fields
        self,
        kind: Kind,
        row: int,
        time_s: float,
        point: Point,
        before: Sample | None,
        after: Sample | None,
    ) -> ZoneChange:
        memory = self._memory
        dwell_s = time_s - float(memory["since_s"][row])
        ids = int(memory.track_id[row]), int(memory["class_id"][row])
        return ZoneChange(kind, *ids, time_s, point, dwell_s, before, after)

    def _linger(self, at: NDArray[Any] | slice) -> None:
        memory = self._memory
        here = memory["visiting"][at] & memory["was_in"][at] & ~memory["loitered"][at]
        long = here & (memory["seen_s"][at] - memory["since_s"][at] >= self._loiter_s)
        for i in np.flatnonzero(long).tolist():
            row = _row(at, i)
            memory["loitered"][row] = True
            last = self._last(row)
            self.changes.append(self._change("loitered", row, last.time_s, last.xy, None, last))

    def _last(self, row: int) -> Sample:
        memory = self._memory
        return Sample(
            int(memory["frame_index"][row]), float(memory["seen_s"][row]), _pair(memory["xy"][row])
        )

    def _forget(self, before_s: float) -> list[ZoneChange]:
        """Drop tracks not seen since; visits end where they were last seen."""
        memory = self._memory
        gone = memory["seen_s"] < before_s
        if not gone.any():
            return []
        ended = []
        for row in np.flatnonzero(gone & memory["visiting"]).tolist():
            last = self._last(row)
            if memory["was_in"][row]:
                ended.append(self._end(row, last.time_s, last.xy, last, None))
            else:
                ended.append(self._turn(row))
        self._trim(before_s)
        memory.keep(~gone)
        return ended

    def _trim(self, before_s: float) -> None:
        """Past visits are remembered while their track may come back, at least a minute."""
        if len(self._visits) > 1024 and np.isfinite(before_s):
            recent = {k: v for k, v in self._visits.items() if v[1] >= before_s - 60.0}
            self._visits = recent


def _shares(a: Floats, b: Floats, corners: Floats) -> Floats:
    """Where the segment a→b meets the edges of a ring, as shares of its length in [0, 1]."""
    path = b - a
    edge = np.roll(corners, -1, axis=0) - corners
    away = corners - a
    cross = path[0] * edge[:, 1] - path[1] * edge[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        along_path = (away[:, 0] * edge[:, 1] - away[:, 1] * edge[:, 0]) / cross
        along_edge = (away[:, 0] * path[1] - away[:, 1] * path[0]) / cross
    tiny = 1e-9
    meets = (cross != 0) & (along_edge >= -tiny) & (along_edge <= 1 + tiny)
    meets &= (along_path >= -tiny) & (along_path <= 1 + tiny)
    shares: Floats = np.clip(along_path[meets], 0.0, 1.0)
    return shares


def _row(at: NDArray[Any] | slice, i: int) -> int:
    return i if isinstance(at, slice) else int(at[i])


def _pair(xy: Floats) -> Point:
    return float(xy[0]), float(xy[1])


def _sample(row: Floats) -> Sample | None:
    if np.isnan(row[1]):
        return None
    return Sample(int(row[0]), float(row[1]), (float(row[2]), float(row[3])))
