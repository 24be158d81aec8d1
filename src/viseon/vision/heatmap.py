"""Where time is spent and which way it flows, added up over a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.anchors import Anchor, anchor_points, check_anchor
from viseon.vision.detections import Tracks
from viseon.vision.errors import OutOfOrder, VisionError
from viseon.vision.memory import TrackMemory

Floats = NDArray[np.float64]


class Heatmap:
    """Seconds that tracks spent in each cell of a `width` x `height` picture, and their flow.

    Each sighting counts the time since the track's last one, at most `max_gap_s`, so the total does
    not depend on the frame rate. With `half_life_s` old heat fades.
    """

    def __init__(  # noqa: PLR0913  # the last four optional and keyword-only
        self,
        width: int,
        height: int,
        *,
        cell_px: int = 8,
        anchor: Anchor = "bottom_center",
        max_gap_s: float = 1.0,
        half_life_s: float | None = None,
    ) -> None:
        if min(width, height, cell_px) < 1:
            raise VisionError("width, height and cell_px must be at least 1")
        self._cell_px, self._anchor = cell_px, check_anchor(anchor)
        self._max_gap_s, self._half_life_s = max_gap_s, half_life_s
        self._shape = (-(-height // cell_px), -(-width // cell_px))
        self.seconds: Floats = np.zeros(self._shape)
        """Seconds per cell (rows, columns)."""
        self._moved: Floats = np.zeros((*self._shape, 2))
        self._time_s = -np.inf
        self._memory = TrackMemory({"xy": (0.0, (2,)), "seen_s": (-np.inf, ())})

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return self._shape

    @property
    def flow(self) -> Floats:
        """Mean velocity in each cell (rows, columns, 2), pixels per second; 0 where nobody was."""
        seconds = self.seconds[..., None]
        mean: Floats = np.where(seconds > 0, self._moved / np.maximum(seconds, 1e-12), 0.0)
        return mean

    def normalized(self) -> Floats:
        """Seconds as shares of the hottest cell, in [0, 1]."""
        return self.seconds / max(float(self.seconds.max()), 1e-12)

    def update(self, tracks: Tracks) -> None:
        """Add the time since each track's last sighting. Raises OutOfOrder if time runs back."""
        now = tracks.time_s
        if now < self._time_s:
            raise OutOfOrder(f"time_s: {now} after {self._time_s}; feed frames in order")
        self._fade(now)
        self._time_s = now
        memory = self._memory
        gone = memory["seen_s"] < now - self._max_gap_s
        if gone.any():
            memory.keep(~gone)
        xy = anchor_points(tracks.xyxy, self._anchor)
        at, _ = memory.rows(tracks.track_id)
        took = now - memory["seen_s"][at]
        known = np.isfinite(took)
        moved = np.where(known[:, None], xy - memory["xy"][at], 0.0)
        self._add(xy[known], took[known], moved[known])
        memory["xy"][at], memory["seen_s"][at] = xy, now

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        return {
            "time_s": None if np.isinf(self._time_s) else self._time_s,
            "seconds": self.seconds.tolist(),
            "moved": self._moved.tolist(),
            "memory": self._memory.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; raises VisionError for another size."""
        seconds = np.asarray(state["seconds"], np.float64)
        if seconds.shape != self._shape:
            raise VisionError(f"state: of {seconds.shape} cells, this map has {self._shape}")
        self.seconds, self._moved = seconds, np.asarray(state["moved"], np.float64)
        self._time_s = -np.inf if state["time_s"] is None else float(state["time_s"])
        self._memory.restore(state["memory"])

    def _add(self, xy: Floats, took: Floats, moved: Floats) -> None:
        cell = np.floor(xy / self._cell_px).astype(np.int64)
        within = ((cell >= 0) & (cell < self._shape[::-1])).all(axis=1)
        rows, cols = cell[within, 1], cell[within, 0]
        np.add.at(self.seconds, (rows, cols), took[within])
        np.add.at(self._moved, (rows, cols), moved[within])

    def _fade(self, now: float) -> None:
        if self._half_life_s is not None and np.isfinite(self._time_s):
            rest = 0.5 ** ((now - self._time_s) / self._half_life_s)
            self.seconds *= rest
            self._moved *= rest
