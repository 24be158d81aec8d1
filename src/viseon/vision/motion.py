"""How fast, how far and where to: speed, distance and direction of tracks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.anchors import Anchor, anchor_points, check_anchor
from viseon.vision.detections import Tracks
from viseon.vision.errors import OutOfOrder, VisionError
from viseon.vision.homography import Homography
from viseon.vision.memory import TrackMemory

Floats = NDArray[np.float64]

_SIGHTINGS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Columns in step with the tracks: speed per second, heading in degrees, distance so far.

    Lengths are metres with a homography, else pixels. Heading 0 is to the right (world: +x), 90
    down the screen (world: +y); NaN for what stands still or was seen once.
    """

    speed: Floats
    heading_deg: Floats
    distance: Floats


class Speedometer:
    """Fits a straight motion to each track's last `window_s` seconds, so that jitter averages out.

    Distance adds up in steps of at least `step` (metres or pixels): standing and trembling is not
    walking. Below `still` per second a track has no heading.
    """

    def __init__(  # noqa: PLR0913  # all optional and keyword-only
        self,
        homography: Homography | None = None,
        *,
        anchor: Anchor = "bottom_center",
        window_s: float = 1.0,
        step: float | None = None,
        still: float | None = None,
        gone_s: float = 5.0,
    ) -> None:
        if not window_s > 0:
            raise VisionError(f"window_s: {window_s} must be positive")
        self._homography, self._anchor = homography, check_anchor(anchor)
        self._window_s, self._gone_s = window_s, gone_s
        metric = homography is not None
        self._step = step if step is not None else (0.25 if metric else 5.0)
        self._still = still if still is not None else (0.2 if metric else 5.0)
        self._time_s = -np.inf
        self._memory = TrackMemory(
            {
                "past": (np.nan, (_SIGHTINGS, 3)),  # newest first: x, y, time
                "corner": (np.nan, (2,)),  # where the distance was last added up to
                "distance": (0.0, ()),
                "seen_s": (0.0, ()),
            }
        )

    def update(self, tracks: Tracks) -> Motion:
        """Speed, heading and distance of the tracks of this frame. Raises OutOfOrder."""
        if tracks.time_s < self._time_s:
            raise OutOfOrder(f"time_s: {tracks.time_s} after {self._time_s}; feed frames in order")
        self._time_s = tracks.time_s
        memory = self._memory
        gone = memory["seen_s"] < tracks.time_s - self._gone_s
        if gone.any():
            memory.keep(~gone)
        place = anchor_points(tracks.xyxy, self._anchor)
        if self._homography is not None:
            place = self._homography.to_world(place)
        at, _ = memory.rows(tracks.track_id)
        past = memory["past"][at]
        past[:, 1:] = past[:, :-1]
        past[:, 0, :2], past[:, 0, 2] = place, tracks.time_s
        memory["past"][at] = past
        memory["seen_s"][at] = tracks.time_s
        velocity = self._slope(past, tracks.time_s)
        speed = np.hypot(velocity[:, 0], velocity[:, 1])
        heading = np.degrees(np.arctan2(velocity[:, 1], velocity[:, 0])) % 360
        heading = np.where(speed >= self._still, heading, np.nan)
        return Motion(speed, heading, self._walked(at, place))

    def distance(self, track_id: int) -> float:
        """How far the track has come in all; 0 for one never seen."""
        row = self._memory.row(track_id)
        return 0.0 if row is None else float(self._memory["distance"][row])

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        time_s = None if np.isinf(self._time_s) else self._time_s
        return {"time_s": time_s, "memory": self._memory.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._time_s = -np.inf if state["time_s"] is None else float(state["time_s"])
        self._memory.restore(state["memory"])

    def _slope(self, past: Floats, now: float) -> Floats:
        """The least-squares velocity (n, 2) over the window; NaN with fewer than two sightings."""
        fresh = (past[:, :, 2] >= now - self._window_s) & np.isfinite(past[:, :, 0])
        n = np.maximum(fresh.sum(axis=1), 1)[:, None]
        known = np.where(fresh[..., None], past, 0.0)
        middle = known.sum(axis=1) / n
        away = np.where(fresh[..., None], past - middle[:, None], 0.0)
        spread = np.square(away[..., 2]).sum(axis=1)[:, None]
        moved = (away[..., :2] * away[..., 2:]).sum(axis=1)
        return np.where(spread > 1e-12, moved / np.maximum(spread, 1e-12), np.nan)

    def _walked(self, at: NDArray[np.int64] | slice, place: Floats) -> Floats:
        memory = self._memory
        corner = memory["corner"][at]
        fresh = np.isnan(corner[:, 0])
        far = np.hypot(place[:, 0] - corner[:, 0], place[:, 1] - corner[:, 1])
        step = far >= self._step
        memory["distance"][at] += np.where(step, far, 0.0)
        memory["corner"][at] = np.where((step | fresh)[:, None], place, corner)
        walked: Floats = memory["distance"][at].copy()
        return walked
