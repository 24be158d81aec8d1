"""Calmer boxes and steadier classes, for pictures and measurements."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import OutOfOrder, VisionError
from viseon.vision.memory import TrackMemory


class Smoother:
    """Averages each track's box and score over its last sightings; its class is their vote.

    Over at most `length` sightings, none older than `window_s`. Only tracks seen in this frame come
    back: what is absent stays absent. The vote counts scores; of equals the latest class wins.
    Masks and keypoints pass unchanged.
    """

    def __init__(self, *, length: int = 5, window_s: float = 1.0) -> None:
        if length < 1:
            raise VisionError(f"length: {length} must be at least 1")
        if not window_s > 0:
            raise VisionError(f"window_s: {window_s} must be positive")
        self._length, self._window_s = length, window_s
        self._time_s = -np.inf
        # Newest first: x1, y1, x2, y2, score, class, time.
        blank = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -np.inf)
        self._memory = TrackMemory({"past": (0.0, (length, len(blank))), "seen_s": (0.0, ())})

    def update(self, tracks: Tracks) -> Tracks:
        """The same tracks, smoothed. Raises OutOfOrder if time runs back."""
        now = tracks.time_s
        if now < self._time_s:
            raise OutOfOrder(f"time_s: {now} after {self._time_s}; feed frames in order")
        self._time_s = now
        memory = self._memory
        gone = memory["seen_s"] < now - self._window_s
        if gone.any():
            memory.keep(~gone)
        if not len(tracks):
            return tracks
        at, new = memory.rows(tracks.track_id)
        past = memory["past"][at]
        past[:, 1:] = past[:, :-1]
        past[:, 0, :4] = tracks.xyxy
        past[:, 0, 4], past[:, 0, 5], past[:, 0, 6] = tracks.score, tracks.class_id, now
        if new is not None:
            past[new, 1:, 6] = -np.inf
        memory["past"][at] = past
        memory["seen_s"][at] = now
        return self._smoothed(tracks, past)

    def _smoothed(self, tracks: Tracks, past: Any) -> Tracks:
        fresh = past[:, :, 6] >= tracks.time_s - self._window_s
        share = fresh / fresh.sum(axis=1, keepdims=True)
        mean = np.matmul(share[:, None], past[:, :, :5])[:, 0].astype(np.float32)
        class_id = past[:, 0, 5]
        if (past[:, :, 5] != class_id[:, None])[fresh].any():
            same = past[:, :, None, 5] == past[:, None, :, 5]
            votes = (same * (past[:, None, :, 4] * fresh[:, None])).sum(axis=2)
            best = np.where(fresh, votes, -1.0).argmax(axis=1)
            class_id = past[np.arange(len(past)), best, 5]
        seen = tracks.detections
        smoothed = Detections(
            mean[:, :4], mean[:, 4], class_id.astype(np.int64), seen.mask, seen.keypoints
        )
        return Tracks(smoothed, tracks.track_id, tracks.time_s, tracks.frame_index)

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        memory = self._memory.state()
        past = self._memory["past"]
        memory["columns"]["past"] = np.where(np.isinf(past), -1e300, past).tolist()
        return {"time_s": None if np.isinf(self._time_s) else self._time_s, "memory": memory}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._time_s = -np.inf if state["time_s"] is None else float(state["time_s"])
        self._memory.restore(state["memory"])
