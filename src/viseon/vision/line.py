"""Counting what crosses a line, exactly."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseon.vision.anchors import Anchor, anchor_points, check_anchor
from viseon.vision.detections import Tracks
from viseon.vision.errors import BadGeometry, OutOfOrder
from viseon.vision.memory import TrackMemory

Point = tuple[float, float]
Direction = Literal["in", "out"]
Floats = NDArray[np.float64]

_SETTLE_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """Where a track's anchor was in one frame: pixels, seconds of the stream."""

    frame_index: int
    time_s: float
    xy: Point


@dataclass(frozen=True, slots=True)
class Crossing:
    """One count with its proof: the two samples around it, the point and the time between them."""

    track_id: int
    class_id: int
    direction: Direction
    point: Point
    time_s: float
    before: Sample
    after: Sample


class Line:
    """A segment that counts the tracks whose anchor passes through it.

    Standing at `start` and looking to `end` on the screen, "in" is from left to right of the arrow.
    The path between two sightings is a straight segment, so a crossing counts also if it skips the
    line between two frames or happens unseen. It counts once the anchor is more than
    `hysteresis_px` beyond the line, or three frames beyond after a clear approach, or when the
    track vanishes there (`gone_s`, `flush`); so jitter counts once and a turn on the line not at
    all. Of one track, ins and outs alternate: who walks round an end of the line and enters again
    counts once, unless `laps`. A track counts from its `min_age`-th sighting on. With several
    anchors all have to cross.
    """

    def __init__(  # noqa: PLR0913  # all optional and keyword-only
        self,
        start: Point,
        end: Point,
        *,
        anchor: Anchor | tuple[Anchor, ...] = "bottom_center",
        hysteresis_px: float = 3.0,
        min_age: int = 2,
        gone_s: float = 5.0,
        laps: bool = False,
    ) -> None:
        self._start, self._end = _point("start", start), _point("end", end)
        self._along = self._end - self._start
        self._length = float(np.hypot(*self._along))
        if not self._length > 0:
            raise BadGeometry(f"line: start and end are both {start}; a line needs a length")
        if not hysteresis_px >= 0:
            raise BadGeometry(f"hysteresis_px: {hysteresis_px} must not be negative")
        names = (anchor,) if isinstance(anchor, str) else anchor
        self._anchors = tuple(check_anchor(name) for name in names)
        self._hysteresis, self._min_age = hysteresis_px, min_age
        self._gone_s, self._laps = gone_s, laps
        self.by_class: dict[Direction, Counter[int]] = {"in": Counter(), "out": Counter()}
        self._time_s = -np.inf
        self._pending: dict[int, dict[int, _Pass]] = {}
        n = len(self._anchors)
        self._memory = TrackMemory(
            {
                "xy": (0.0, (n, 2)),
                "off": (0.0, (n,)),  # distance from the line times its length; right is positive
                "side": (0, (n,)),  # where each anchor was last decided to be: -1 or 1
                "armed": (False, (n,)),  # has been clearly on that side
                "net": (0, (n,)),  # passes through the segment since the decision, with their sign
                "streak": (0, (n,)),  # sightings in a row on the other side
                "at": (0, ()),  # the side all anchors agree on
                "last": (0, ()),  # the last direction counted
                "age": (0, ()),
                "class_id": (0, ()),
                "seen_s": (0.0, ()),
                "frame_index": (0, ()),
            }
        )

    @property
    def start(self) -> Point:
        """Where the arrow begins."""
        return float(self._start[0]), float(self._start[1])

    @property
    def end(self) -> Point:
        """Where the arrow points."""
        return float(self._end[0]), float(self._end[1])

    @property
    def count_in(self) -> int:
        """Crossings from left to right of the arrow so far."""
        return self.by_class["in"].total()

    @property
    def count_out(self) -> int:
        """Crossings from right to left of the arrow so far."""
        return self.by_class["out"].total()

    def update(self, tracks: Tracks) -> list[Crossing]:
        """The crossings this frame decides, by track id. Raises OutOfOrder if time runs back."""
        if tracks.time_s < self._time_s:
            raise OutOfOrder(f"time_s: {tracks.time_s} after {self._time_s}; feed frames in order")
        self._time_s = tracks.time_s
        counted = self._forget(tracks.time_s - self._gone_s)
        if len(tracks):
            counted += self._follow(tracks)
        return counted

    def flush(self) -> list[Crossing]:
        """Decide every pending crossing, as if all tracks had vanished: at the end of a stream."""
        return self._forget(np.inf)

    def state(self) -> dict[str, Any]:
        """Counts and memory, JSON-able and exact."""
        return {
            "time_s": None if np.isinf(self._time_s) else self._time_s,
            "by_class": {way: sorted(n.items()) for way, n in self.by_class.items()},
            "pending": [
                [track_id, anchor, passed.as_list()]
                for track_id, passes in self._pending.items()
                for anchor, passed in passes.items()
            ],
            "memory": self._memory.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._time_s = -np.inf if state["time_s"] is None else float(state["time_s"])
        ways: tuple[Direction, ...] = ("in", "out")
        self.by_class = {way: Counter(dict(state["by_class"][way])) for way in ways}
        self._pending = {}
        for track_id, anchor, passed in state["pending"]:
            self._pending.setdefault(track_id, {})[anchor] = _Pass.from_list(passed)
        self._memory.restore(state["memory"])

    def _follow(self, tracks: Tracks) -> list[Crossing]:
        memory = self._memory
        at, new = memory.rows(tracks.track_id)
        points = [anchor_points(tracks.xyxy, name) for name in self._anchors]
        xy = points[0][:, None] if len(points) == 1 else np.stack(points, axis=1)
        apart = xy - self._start
        off = self._along[0] * apart[..., 1] - self._along[1] * apart[..., 0]
        side = (off >= 0) * 2 - 1
        if new is not None and isinstance(at, np.ndarray):
            self._meet(at[new], side[new], xy[new], off[new])
        across = side != memory["side"][at]
        some = bool(across.any())
        if some or memory["streak"].any():  # else no path can have met the line
            self._pass(tracks, at, xy, off)
        memory["xy"][at], memory["off"][at] = xy, off
        memory["age"][at] += 1
        memory["class_id"][at] = tracks.class_id
        memory["seen_s"][at] = tracks.time_s
        memory["frame_index"][at] = tracks.frame_index
        far = np.abs(off) > self._hysteresis * self._length
        if some or memory["streak"].any() or memory["net"].any():
            return self._decide(at, side, across, far)
        memory["armed"][at] |= far
        return []

    def _meet(self, at: NDArray[Any], side: NDArray[Any], xy: Floats, off: Floats) -> None:
        memory = self._memory
        memory["side"][at], memory["xy"][at], memory["off"][at] = side, xy, off
        memory["at"][at] = np.where((side == side[:, :1]).all(axis=1), side[:, 0], 0)

    def _pass(self, tracks: Tracks, at: NDArray[Any] | slice, xy: Floats, off: Floats) -> None:
        """Note which paths since the last sighting go through the segment, and where."""
        memory = self._memory
        old = memory["off"][at]
        for i, anchor in np.argwhere((old >= 0) != (off >= 0)).tolist():
            row = i if isinstance(at, slice) else int(at[i])
            share = float(old[i, anchor] / (old[i, anchor] - off[i, anchor]))
            came_from = memory["xy"][row, anchor]
            point = came_from + (xy[i, anchor] - came_from) * share
            if not self._beside(point):
                continue
            way = 1 if off[i, anchor] >= 0 else -1
            memory["net"][row, anchor] += way
            since = float(memory["seen_s"][row])
            self._pending.setdefault(int(tracks.track_id[i]), {})[anchor] = _Pass(
                _pair(point),
                since + (tracks.time_s - since) * share,
                Sample(int(memory["frame_index"][row]), since, _pair(came_from)),
                Sample(tracks.frame_index, tracks.time_s, _pair(xy[i, anchor])),
            )

    def _beside(self, point: Floats) -> bool:
        """Whether a point of the line is between its ends; the same seen from either end."""
        ax, ay = self._along.tolist()
        (x, y), (x1, y1), (x2, y2) = point.tolist(), self._start.tolist(), self._end.tolist()
        from_start = (x - x1) * ax + (y - y1) * ay
        to_end = (x2 - x) * ax + (y2 - y) * ay
        return bool(from_start >= 0.0 and to_end >= 0.0)

    def _decide(
        self, at: NDArray[Any] | slice, side: NDArray[Any], across: NDArray[Any], far: NDArray[Any]
    ) -> list[Crossing]:
        memory = self._memory
        armed = memory["armed"][at]
        streak = np.where(across, memory["streak"][at] + 1, 0)
        memory["streak"][at] = streak
        memory["armed"][at] = armed | (~across & far)
        back = ~across & far
        if back.any():
            memory["net"][at] = np.where(back, 0, memory["net"][at])
        decided = across & (far | (armed & (streak >= _SETTLE_FRAMES)))
        counted = []
        for i in np.flatnonzero(decided.any(axis=1)).tolist():
            row = i if isinstance(at, slice) else int(at[i])
            which = decided[i]
            memory["side"][row] = np.where(which, side[i], memory["side"][row])
            memory["armed"][row] = np.where(which, far[i], memory["armed"][row])
            memory["streak"][row] = np.where(which, 0, memory["streak"][row])
            counted += self._arrive(row)
        return counted

    def _arrive(self, row: int) -> list[Crossing]:
        """Count the track of `row` if all its anchors are now on the other side."""
        memory = self._memory
        sides = memory["side"][row]
        old, new = int(memory["at"][row]), int(sides[0])
        if (sides != new).any() or old == new:
            return []
        memory["at"][row] = new
        net = memory["net"][row] * new
        memory["net"][row] = 0
        passes = self._pending.pop(int(memory.track_id[row]), {})
        hits = [passed for anchor, passed in passes.items() if net[anchor] > 0]
        again = not self._laps and int(memory["last"][row]) == new
        if not hits or old == 0 or again or int(memory["age"][row]) < self._min_age:
            return []
        memory["last"][row] = new
        last = max(hits, key=lambda passed: passed.time_s)
        return [self._count(int(memory.track_id[row]), int(memory["class_id"][row]), new, last)]

    def _count(self, track_id: int, class_id: int, way: int, passed: "_Pass") -> Crossing:
        direction: Direction = "in" if way > 0 else "out"
        self.by_class[direction][class_id] += 1
        return Crossing(
            track_id, class_id, direction, passed.point, passed.time_s, passed.before, passed.after
        )

    def _forget(self, before_s: float) -> list[Crossing]:
        """Drop tracks not seen since; one that vanished beyond the line has crossed it."""
        memory = self._memory
        gone = memory["seen_s"] < before_s
        if not gone.any():
            return []
        counted = []
        for track_id in [i for i in self._pending if gone[memory.row(i)]]:
            row = memory.row(track_id)
            if row is not None and memory["armed"][row].any():
                memory["side"][row] = np.where(memory["off"][row] >= 0, 1, -1)
                counted += self._arrive(row)
            self._pending.pop(track_id, None)
        memory.keep(~gone)
        return counted


@dataclass(frozen=True, slots=True)
class _Pass:
    """An anchor's path going through the segment; a crossing once it is decided."""

    point: Point
    time_s: float
    before: Sample
    after: Sample

    def as_list(self) -> list[Any]:
        return [
            self.point,
            self.time_s,
            *([s.frame_index, s.time_s, s.xy] for s in (self.before, self.after)),
        ]

    @classmethod
    def from_list(cls, values: list[Any]) -> "_Pass":
        point, time_s, *samples = values
        before, after = (Sample(frame, at, (xy[0], xy[1])) for frame, at, xy in samples)
        return cls((point[0], point[1]), time_s, before, after)


def _point(name: str, xy: Point) -> Floats:
    point = np.asarray(xy, np.float64)
    if point.shape != (2,) or not np.isfinite(point).all():
        raise BadGeometry(f"{name}: {xy} is not a point (x, y) of finite numbers")
    return point


def _pair(xy: Floats) -> Point:
    return float(xy[0]), float(xy[1])
