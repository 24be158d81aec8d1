"""OC-SORT: trust what was seen more than what was predicted."""

from typing import Any

import numpy as np

from viseon.vision.assign import Pairs, contested, overlapping
from viseon.vision.detections import Detections, Tracks
from viseon.vision.kalman import BoxFilter, centered
from viseon.vision.trackers.life import TableTracker, same_class, take
from viseon.vision.trackers.table import FRAME_S, Bools, Floats, Indices

_SIGHTINGS = 3
"""A track's direction is that of its path over so many sightings before the last."""
_VIRTUAL = 4
"""At most so many steps replace the blind prediction of a track found again."""


class OCSORT(TableTracker):
    """SORT with direction in the matching, a second look at the last sighting, and re-update.

    Cao et al., "Observation-Centric SORT", CVPR 2023. A pair's overlap is raised or lowered by how
    well the detection continues the track's path (`direction_weight`, the paper's lambda); what is
    left over is compared with where tracks were last seen; a track found again has its filter rerun
    along the straight way between both sightings, here in at most four steps whatever the gap.
    Doubtful detections (below `high_score`, above `low_score`) get a last chance as in ByteTrack.
    """

    def __init__(  # noqa: PLR0913  # the paper's parameters, all optional and keyword-only
        self,
        *,
        high_score: float = 0.4,
        low_score: float = 0.1,
        lost_s: float = 1.5,
        min_hits: int = 3,
        min_iou: float = 0.3,
        direction_weight: float = 0.2,
        class_aware: bool = False,
    ) -> None:
        columns = {"path": np.zeros((_SIGHTINGS + 1, 4)), "frozen": np.zeros(20)}
        super().__init__(lost_s=lost_s, min_hits=min_hits, columns=columns)
        self._high, self._low, self._min_iou = high_score, low_score, min_iou
        self._weight = direction_weight
        self._class_aware = class_aware

    def update(
        self,
        detections: Detections,
        frame: Any = None,  # noqa: ARG002  # part of the tracker contract
        *,
        time_s: float | None = None,
    ) -> Tracks:
        """The confirmed tracks seen in this frame, by ascending id, with the boxes as detected.

        `time_s` may be uneven; without it frames are 1/30 s apart. Raises OutOfOrder if it runs
        back.
        """
        self._advance(time_s)
        sure = detections.score >= self._high
        found = self._match(detections, sure)
        fresh = sure.copy()
        fresh[found[found >= 0]] = False
        self._rerun(detections, found)
        return self._settle(detections, found, np.flatnonzero(fresh))

    def _match(self, detections: Detections, sure: Bools) -> Indices:
        table = self._table
        found = np.full(len(table), -1)
        if not len(table) or not len(detections):
            return found
        box = detections.xyxy.T
        pairs = self._candidates(table.motion.xyxy, detections)
        everyone, free = np.ones(len(table), bool), sure.copy()
        least = self._min_iou - self._weight / 2
        take(self._directed(pairs, detections), least, found, everyone, free)
        if not sure.all():
            doubtful = ~sure & (detections.score >= self._low)
            take(pairs, max(0.5, self._min_iou), found, found < 0, doubtful)
        if free.any() and (found < 0).any():
            last = overlapping(table.extra["path"][:, -1].T, box, self._min_iou)
            take(self._of_class(last, detections), self._min_iou, found, found < 0, free)
        return found

    def _candidates(self, predicted: Floats, detections: Detections) -> Pairs:
        pairs = overlapping(predicted, detections.xyxy.T, self._min_iou)
        return self._of_class(pairs, detections)

    def _of_class(self, pairs: Pairs, detections: Detections) -> Pairs:
        return same_class(pairs, self._table, detections) if self._class_aware else pairs

    def _directed(self, pairs: Pairs, detections: Detections) -> Pairs:
        """Overlaps plus the agreement of directions, between -weight / 2 and weight / 2.

        Only where tracks or detections have rivals: elsewhere it cannot change the matching.
        """
        rivals = contested(pairs)
        if not len(rivals):
            return pairs
        rows, cols = pairs.rows[rivals], pairs.cols[rivals]
        path = self._table.extra["path"]
        start = _middle(path[rows, 0])
        own = _unit(_middle(path[rows, -1]) - start)
        target = _middle(detections.xyxy[cols].astype(np.float64))
        angle = np.arccos(np.clip((own * _unit(target - start)).sum(axis=1), -1, 1))
        agreed = (np.pi / 2 - angle) / np.pi * self._weight * detections.score[cols]
        similarity = pairs.similarity.astype(np.float64)
        similarity[rivals] += np.where((own != 0).any(axis=1), agreed, 0.0)
        return pairs._replace(similarity=similarity)

    def _rerun(self, detections: Detections, found: Indices) -> None:
        """Replay the filters of tracks found again along the way they must have taken."""
        table = self._table
        again = np.flatnonzero((found >= 0) & (table.seen_s < self._clock.before_s))
        if not len(again):
            return
        start = centered(table.extra["path"][again, -1])
        way = centered(detections.xyxy[found[again]]) - start
        replayed = BoxFilter(np.ascontiguousarray(table.extra["frozen"][again].T))
        gap = (self._clock.now_s - table.seen_s[again]) / FRAME_S
        steps = int(np.clip(np.ceil(gap.max() - 1e-6), 2, _VIRTUAL))
        step = gap / steps
        everyone = np.arange(len(again))
        for i in range(1, steps):
            replayed.predict(step)
            replayed.update(everyone, start + way * (i / steps))
        replayed.predict(step)
        table.motion.rows[:, again] = replayed.rows

    def _learn(self, rows: Indices, at: Indices, seen: Detections) -> None:  # noqa: ARG002
        table = self._table
        path = table.extra["path"]
        box = seen.xyxy
        if table.hits[rows[0]] == 1:  # newborn rows come together
            path[rows] = box[:, None]
        else:
            path[rows, :-1] = path[rows, 1:]
            path[rows, -1] = box
        table.extra["frozen"][rows] = table.motion.rows[:, rows].T


def _middle(xyxy: Floats) -> Floats:
    centre: Floats = (xyxy[:, :2] + xyxy[:, 2:]) / 2
    return centre


def _unit(vector: Floats) -> Floats:
    """The direction of each vector (n, 2); zero for one without length."""
    length = np.hypot(vector[:, 0], vector[:, 1])[:, None]
    direction: Floats = vector / np.where(length > 0, length, np.inf)
    return direction
