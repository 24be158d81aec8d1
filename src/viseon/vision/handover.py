"""The same person in the next camera: hand-over by appearance and travel time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.assign import assign
from viseon.vision.errors import VisionError


@dataclass(frozen=True, slots=True)
class Passage:
    """A way from one camera's view to another's, and how long it takes on foot."""

    source: str
    target: str
    min_s: float
    max_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.min_s <= self.max_s:
            raise VisionError(f"passage {self.source} → {self.target}: needs 0 <= min_s <= max_s")


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A track that left or entered a camera's view; `embedding` (d,) is what it looks like."""

    track_id: int
    time_s: float
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Waiting:
    camera: str
    identity: int
    time_s: float
    look: NDArray[np.float64]


class Handover:
    """Gives tracks of several cameras one identity where they look alike and the time fits.

    Tell it who `left` a view and who `arrived` in one. An arrival takes over the identity of the
    one who left a neighbouring view `min_s` to `max_s` ago and looks most alike, at least
    `min_similarity` (cosine); arrivals of one moment are matched together. Others get a new one.
    Identities start at 1 and are never used again.
    """

    def __init__(self, passages: Sequence[Passage], *, min_similarity: float = 0.7) -> None:
        self._passages = tuple(passages)
        self._least = min_similarity
        self._next = 1
        self._identity: dict[tuple[str, int], int] = {}
        self._waiting: list[_Waiting] = []
        self._time_s = -np.inf

    def identity(self, camera: str, track_id: int) -> int | None:
        """The identity of a camera's track, or None before it arrived."""
        return self._identity.get((camera, track_id))

    def left(self, camera: str, gone: Sighting) -> None:
        """A track left the view; it may arrive elsewhere."""
        self._forget(gone.time_s)
        identity = self._identity.pop((camera, gone.track_id), None)
        if identity is None:
            identity = self._new()
        self._waiting.append(_Waiting(camera, identity, gone.time_s, _unit(gone.embedding)))

    def arrived(self, camera: str, seen: Sequence[Sighting]) -> list[int]:
        """The identity of each track that came into the view, in the same order."""
        if not seen:
            return []
        self._forget(max(s.time_s for s in seen))
        alike = np.array([[self._alike(camera, s, w) for w in self._waiting] for s in seen])
        alike = alike.reshape(len(seen), len(self._waiting))
        rows, cols = assign(alike, self._least)
        taken = dict(zip(rows.tolist(), cols.tolist(), strict=True))
        identities = []
        for i, sighting in enumerate(seen):
            found = self._waiting[taken[i]].identity if i in taken else self._new()
            self._identity[camera, sighting.track_id] = found
            identities.append(found)
        gone = set(taken.values())
        self._waiting = [w for i, w in enumerate(self._waiting) if i not in gone]
        return identities

    def state(self) -> dict[str, Any]:
        """JSON-able and exact."""
        return {
            "time_s": None if np.isinf(self._time_s) else self._time_s,
            "next": self._next,
            "identity": [[camera, track, who] for (camera, track), who in self._identity.items()],
            "waiting": [[w.camera, w.identity, w.time_s, w.look.tolist()] for w in self._waiting],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._time_s = -np.inf if state["time_s"] is None else float(state["time_s"])
        self._next = int(state["next"])
        self._identity = {(camera, track): who for camera, track, who in state["identity"]}
        self._waiting = [
            _Waiting(camera, who, time_s, np.asarray(look, np.float64))
            for camera, who, time_s, look in state["waiting"]
        ]

    def _alike(self, camera: str, seen: Sighting, waiting: _Waiting) -> float:
        took = seen.time_s - waiting.time_s
        for way in self._passages:
            fits = way.source == waiting.camera and way.target == camera
            if fits and way.min_s <= took <= way.max_s:
                look = _unit(seen.embedding)
                if look.shape != waiting.look.shape:
                    raise VisionError(f"embedding: length {len(look)}, before {len(waiting.look)}")
                return float(look @ waiting.look)
        return -1.0

    def _forget(self, now: float) -> None:
        """Drop who can no longer arrive anywhere. Cameras need not be told in step."""
        self._time_s = now = max(now, self._time_s)
        longest = {p.source: 0.0 for p in self._passages}
        for passage in self._passages:
            longest[passage.source] = max(longest[passage.source], passage.max_s)
        self._waiting = [w for w in self._waiting if now - w.time_s <= longest.get(w.camera, -1.0)]

    def _new(self) -> int:
        self._next += 1
        return self._next - 1


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float64]:
    look = np.asarray(vector, np.float64)
    length = float(np.sqrt(look @ look)) if look.ndim == 1 else 0.0
    if not (length > 0 and np.isfinite(length)):
        raise VisionError("embedding: must be one finite vector that is not zero")
    unit: NDArray[np.float64] = look / length
    return unit
