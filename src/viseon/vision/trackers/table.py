"""What every tracker keeps: one row per track in step with its motion filter, and the clock."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.detections import Detections
from viseon.vision.errors import OutOfOrder, VisionError
from viseon.vision.kalman import BoxFilter, centered

FRAME_S = 1 / 30
"""The unit of a filter's velocity; also the step where a stream has no timestamps."""

Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Clock:
    """Counts frames and refuses time that runs backwards."""

    __slots__ = ("before_s", "frame_index", "time_s")

    def __init__(self) -> None:
        self.time_s: float | None = None
        self.before_s = -np.inf
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
        self.before_s = -np.inf if last is None else last
        self.time_s = now
        self.frame_index += 1
        return 1.0 if last is None else round((now - last) / FRAME_S, 9)

    @property
    def now_s(self) -> float:
        """The time of the current frame."""
        return 0.0 if self.time_s is None else self.time_s


class Table:
    """Columns of equal length: identity (0 until confirmed), class, sightings, last one, motion.

    `extra` names further float columns and what a new row holds in them, of any shape.
    """

    __slots__ = ("_initial", "class_id", "extra", "hits", "motion", "seen_s", "track_id")

    def __init__(self, extra: Mapping[str, Floats] | None = None) -> None:
        self.track_id: Indices = np.empty(0, np.int64)
        self.class_id: Indices = np.empty(0, np.int64)
        self.hits: Indices = np.empty(0, np.int64)
        self.seen_s: Floats = np.empty(0)
        self.motion = BoxFilter()
        self._initial = dict(extra or {})
        self.extra = {name: np.empty((0, *value.shape)) for name, value in self._initial.items()}

    def __len__(self) -> int:
        return len(self.track_id)

    def see(self, rows: Indices, seen: Detections, time_s: float) -> None:
        """Correct the rows with the detections that belong to them."""
        self.motion.update(rows, centered(seen.xyxy))
        self.class_id[rows] = seen.class_id
        self.hits[rows] += 1
        self.seen_s[rows] = time_s

    def keep(self, which: Bools) -> None:
        """Forget all other rows."""
        self.track_id, self.hits = self.track_id[which], self.hits[which]
        self.class_id, self.seen_s = self.class_id[which], self.seen_s[which]
        self.motion.keep(which)
        self.extra = {name: column[which] for name, column in self.extra.items()}

    def add(self, seen: Detections, track_id: Indices, time_s: float) -> None:
        """Append rows seen for the first time."""
        n = len(seen)
        self.track_id = np.concatenate([self.track_id, track_id])
        self.class_id = np.concatenate([self.class_id, seen.class_id])
        self.hits = np.concatenate([self.hits, np.ones(n, np.int64)])
        self.seen_s = np.concatenate([self.seen_s, np.full(n, time_s)])
        self.motion.add(BoxFilter.born(centered(seen.xyxy)))
        for name, value in self._initial.items():
            new = np.broadcast_to(value, (n, *value.shape))
            self.extra[name] = np.concatenate([self.extra[name], new])

    def widen(self, name: str, initial: Floats) -> None:
        """Add a column if it is not there; raises VisionError where it has another shape."""
        known = self._initial.setdefault(name, initial)
        if known.shape != initial.shape:
            raise VisionError(f"embeddings: length {initial.shape[-1]}, before {known.shape[-1]}")
        if name not in self.extra:
            self.extra[name] = np.zeros((len(self), *initial.shape)) + initial

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        return {
            "track_id": self.track_id.tolist(),
            "class_id": self.class_id.tolist(),
            "hits": self.hits.tolist(),
            "seen_s": self.seen_s.tolist(),
            "motion": self.motion.state(),
            "extra": {
                name: {"shape": list(column.shape), "values": column.ravel().tolist()}
                for name, column in self.extra.items()
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """From what `state` gave."""
        self.track_id = np.asarray(state["track_id"], np.int64)
        self.class_id = np.asarray(state["class_id"], np.int64)
        self.hits = np.asarray(state["hits"], np.int64)
        self.seen_s = np.asarray(state["seen_s"], np.float64)
        self.motion = BoxFilter.restored(state["motion"])
        for name, saved in state["extra"].items():
            column = np.asarray(saved["values"], np.float64).reshape(saved["shape"])
            self.widen(name, np.zeros(column.shape[1:]))
            self.extra[name] = column
