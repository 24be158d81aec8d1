"""What a detector sees in one frame, and what a tracker makes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self, cast, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision.boxes import Metric, nms
from viseon.vision.errors import BadDetections
from viseon.vision.suppress import hull, merge_groups, soft_nms

if TYPE_CHECKING:
    from viseon.vision.masks import RleMasks

Bools = NDArray[np.bool_]
Rows = NDArray[np.bool_] | NDArray[np.int64] | slice


class SupervisionLike(Protocol):
    """The columns of `supervision.Detections` that have a meaning here."""

    xyxy: NDArray[Any]
    confidence: NDArray[Any] | None
    class_id: NDArray[Any] | None
    mask: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Objects found in one frame, as columns of equal length.

    `xyxy` (n, 4) float32 pixels of the original frame, never of the model input; `score` (n,)
    float32; `class_id` (n,) int64; `mask` (n, H, W) bool or `RleMasks`; `keypoints` (n, K, 3)
    float32 as x, y, score. The columns are read-only views of what was given. Raises BadDetections
    where the lengths disagree, a number is not finite or a box is inverted (x2 < x1 or y2 < y1).
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32] = None  # type: ignore[assignment]
    class_id: NDArray[np.int64] = None  # type: ignore[assignment]
    mask: "NDArray[np.bool_] | RleMasks | None" = None
    keypoints: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        xyxy = _boxes(self.xyxy)
        n = len(xyxy)
        score = np.ones(n, np.float32) if self.score is None else self.score
        class_id = np.zeros(n, np.int64) if self.class_id is None else self.class_id
        _set(self, "xyxy", xyxy)
        _set(self, "score", _column("score", score, np.float32, n))
        _set(self, "class_id", _column("class_id", class_id, np.int64, n))
        if self.mask is not None:
            _set(self, "mask", _masks(self.mask, n))
        if self.keypoints is not None:
            _set(self, "keypoints", _keypoints(self.keypoints, n))

    @classmethod
    def empty(cls) -> Self:
        """No objects."""
        return cls(np.empty((0, 4), np.float32))

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, rows: Rows | int) -> Self:
        """The chosen rows, by mask, indices, slice, or one number; slices do not copy."""
        if isinstance(rows, int | np.integer):
            rows = np.array([rows])
        return self.where(rows)

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))

    def where(self, rows: Rows) -> Self:
        """The detections for which `rows` is true, or that it indexes."""
        made: Self = _trusted(
            type(self),
            self.xyxy[rows],
            self.score[rows],
            self.class_id[rows],
            None if self.mask is None else self.mask[rows],
            None if self.keypoints is None else self.keypoints[rows],
        )
        return made

    def of_class(self, *class_ids: int) -> Self:
        """Only these classes."""
        return self.where(np.isin(self.class_id, class_ids))

    def with_score(self, at_least: float) -> Self:
        """Only detections whose score reaches `at_least`."""
        return self.where(self.score >= at_least)

    def nms(self, *, min_iou: float = 0.5, class_aware: bool = True) -> Self:
        """Without the boxes that overlap a better one (of their class) by more than `min_iou`."""
        classes = self.class_id if class_aware else None
        return self.where(nms(self.xyxy, self.score, min_iou=min_iou, class_id=classes))

    def soft_nms(
        self, *, sigma: float = 0.5, min_score: float = 1e-3, class_aware: bool = True
    ) -> Self:
        """With the scores of overlapping boxes lowered; those below `min_score` are gone."""
        classes = self.class_id if class_aware else None
        rows, score = soft_nms(
            self.xyxy, self.score, sigma=sigma, min_score=min_score, class_id=classes
        )
        return replace(self.where(rows), score=score)

    def merged(
        self, *, min_overlap: float = 0.5, metric: Metric = "iou", class_aware: bool = True
    ) -> Self:
        """With overlapping boxes joined: the hull of each group, and the rest from its best."""
        groups = merge_groups(
            self.xyxy,
            self.score,
            min_overlap=min_overlap,
            class_id=self.class_id if class_aware else None,
            metric=metric,
        )
        leaders = self.where(np.array([group[0] for group in groups], np.int64))
        hulls = [hull(self.xyxy[group]) for group in groups]
        return replace(leaders, xyxy=np.array(hulls, np.float32).reshape(-1, 4))

    def moved(self, dx: float, dy: float) -> Self:
        """Shifted by (dx, dy) pixels; masks stay on their canvas and are dropped."""
        points = None
        if self.keypoints is not None:
            points = self.keypoints + np.array([dx, dy, 0], np.float32)
        return type(self)(
            self.xyxy + np.array([dx, dy, dx, dy], np.float32),
            self.score,
            self.class_id,
            keypoints=points,
        )

    @classmethod
    def concat(cls, parts: "Sequence[Detections]") -> Self:
        """All rows of all parts in order. Masks and keypoints survive if every part has them."""
        filled = [p for p in parts if len(p)]
        if not filled:
            return cls.empty()
        masks = [p.mask for p in filled if p.mask is not None]
        points = [p.keypoints for p in filled if p.keypoints is not None]
        return cls(
            np.concatenate([p.xyxy for p in filled]),
            np.concatenate([p.score for p in filled]),
            np.concatenate([p.class_id for p in filled]),
            _joined(masks) if len(masks) == len(filled) else None,
            np.concatenate(points) if len(points) == len(filled) else None,
        )

    @classmethod
    def from_supervision(cls, found: SupervisionLike) -> Self:
        """The same columns, uncopied where types allow; a missing score becomes 1, class 0."""
        n = len(found.xyxy)
        score = np.ones(n, np.float32) if found.confidence is None else found.confidence
        class_id = np.zeros(n, np.int64) if found.class_id is None else found.class_id
        return cls(
            np.asarray(found.xyxy, np.float32),
            np.asarray(score, np.float32),
            np.asarray(class_id, np.int64),
            found.mask,
        )

    def to_supervision(self, *, track_id: NDArray[np.int64] | None = None) -> Any:
        """A `supervision.Detections` on the same memory; needs supervision to be installed."""
        import supervision  # noqa: PLC0415  # the peer library is only needed here

        return supervision.Detections(
            xyxy=self.xyxy,
            confidence=self.score,
            class_id=self.class_id,
            mask=None if self.mask is None else np.asarray(self.mask),
            tracker_id=track_id,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Detections that have an identity. A line or zone takes Tracks, so it cannot lack ids.

    `track_id` (n,) int64, all different; `time_s` the frame's time in seconds of the stream;
    `frame_index` counts the tracker's updates from 0.
    """

    detections: Detections
    track_id: NDArray[np.int64]
    time_s: float = 0.0
    frame_index: int = 0

    def __post_init__(self) -> None:
        ids = _column("track_id", self.track_id, np.int64, len(self.detections))
        if len(ids) > 1 and not (ids[1:] > ids[:-1]).all() and len(np.unique(ids)) != len(ids):
            raise BadDetections("track_id: the same id twice in one frame")
        if not np.isfinite(self.time_s):
            raise BadDetections(f"time_s: {self.time_s} is not a time")
        _set(self, "track_id", ids)

    @classmethod
    def empty(cls, *, time_s: float = 0.0, frame_index: int = 0) -> Self:
        """A frame in which nothing is followed."""
        return cls(Detections.empty(), np.empty(0, np.int64), time_s, frame_index)

    @classmethod
    def trusted(
        cls, detections: Detections, track_id: NDArray[np.int64], time_s: float, frame_index: int
    ) -> Self:
        """Columns known to be right, for trackers: `track_id` new, unique, of the same length."""
        track_id.flags.writeable = False
        made: Self = _trusted(cls, detections, track_id, time_s, frame_index)
        return made

    def __len__(self) -> int:
        return len(self.track_id)

    def __getitem__(self, rows: Rows) -> Self:
        """The chosen rows of the same frame."""
        return type(self)(
            self.detections.where(rows), self.track_id[rows], self.time_s, self.frame_index
        )

    where = __getitem__

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """Boxes (n, 4), pixels of the frame."""
        return self.detections.xyxy

    @property
    def score(self) -> NDArray[np.float32]:
        """Scores (n,)."""
        return self.detections.score

    @property
    def class_id(self) -> NDArray[np.int64]:
        """Classes (n,)."""
        return self.detections.class_id


_set = object.__setattr__


def _trusted(kind: type[Any], *columns: Any) -> Any:
    """A value made of columns that are known to be right: made read-only, not checked."""
    made = object.__new__(kind)
    for name, column in zip(kind.__slots__, columns, strict=True):
        if isinstance(column, np.ndarray):
            column.flags.writeable = False
        _set(made, name, column)
    return made


@overload
def _frozen(array: ArrayLike, kind: type[np.float32]) -> NDArray[np.float32]: ...
@overload
def _frozen(array: ArrayLike, kind: type[np.int64]) -> NDArray[np.int64]: ...
@overload
def _frozen(array: ArrayLike, kind: type[np.bool_]) -> NDArray[np.bool_]: ...
def _frozen(array: ArrayLike, kind: type[Any]) -> NDArray[Any]:
    view = np.asarray(array, kind).view()
    view.flags.writeable = False
    return view


def _boxes(array: ArrayLike) -> NDArray[np.float32]:
    xyxy = _frozen(array, np.float32)
    if xyxy.shape == (0,):
        xyxy = xyxy.reshape(0, 4)
    if xyxy.ndim != 2 or xyxy.shape[1] != 4:
        raise BadDetections(f"xyxy: shape {xyxy.shape}, expected (n, 4)")
    if not np.isfinite(xyxy).all():
        row = int(np.flatnonzero(~np.isfinite(xyxy).all(axis=1))[0])
        raise BadDetections(f"xyxy: box {row} is {xyxy[row].tolist()}; every corner must be finite")
    if (xyxy[:, 2:] < xyxy[:, :2]).any():
        row = int(np.flatnonzero((xyxy[:, 2:] < xyxy[:, :2]).any(axis=1))[0])
        raise BadDetections(
            f"xyxy: box {row} is {xyxy[row].tolist()}, inverted; "
            "give x1, y1, x2, y2 with x1 <= x2 and y1 <= y2"
        )
    return xyxy


@overload
def _column(name: str, array: ArrayLike, kind: type[np.float32], n: int) -> NDArray[np.float32]: ...
@overload
def _column(name: str, array: ArrayLike, kind: type[np.int64], n: int) -> NDArray[np.int64]: ...
def _column(name: str, array: ArrayLike, kind: type[Any], n: int) -> NDArray[Any]:
    column = _frozen(array, kind)
    if column.shape != (n,):
        raise BadDetections(f"{name}: shape {column.shape}, but there are {n} boxes")
    if kind is np.float32 and not np.isfinite(column).all():
        row = int(np.flatnonzero(~np.isfinite(column))[0])
        raise BadDetections(f"{name}: row {row} is {column[row]}")
    return cast("NDArray[Any]", column)


def _masks(mask: Any, n: int) -> Any:
    if len(mask) != n:
        raise BadDetections(f"mask: {len(mask)} masks, but there are {n} boxes")
    if isinstance(mask, np.ndarray):
        if mask.ndim != 3:
            raise BadDetections(f"mask: shape {mask.shape}, expected (n, H, W)")
        return _frozen(mask, np.bool_)
    return mask


def _keypoints(array: ArrayLike, n: int) -> NDArray[np.float32]:
    points = _frozen(array, np.float32)
    if points.ndim != 3 or points.shape[0] != n or points.shape[2] != 3:
        raise BadDetections(f"keypoints: shape {points.shape}, expected ({n}, K, 3)")
    return points


def _joined(masks: "list[Any]") -> Any:
    first = masks[0]
    if isinstance(first, np.ndarray):
        return np.concatenate([np.asarray(m) for m in masks])
    return first.joined(masks[1:])
