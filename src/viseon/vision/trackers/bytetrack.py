"""ByteTrack: every detection box counts, also the doubtful ones."""

from typing import Any

import numpy as np

from viseon.vision.assign import Pairs, overlapping
from viseon.vision.detections import Detections, Tracks
from viseon.vision.trackers.life import TableTracker, same_class, take
from viseon.vision.trackers.table import Bools, Floats, Indices


class ByteTrack(TableTracker):
    """Matches sure detections to all tracks, then doubtful ones to the tracks left over.

    Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022.
    `high_score` parts sure from doubtful detections, below `low_score` they are ignored, a new
    track needs `new_score` (`high_score` if None) and is confirmed, that is gets an id and is
    returned, in its `min_hits`-th consecutive frame (at once in the first frame). A track that
    nobody sees is predicted and kept for `lost_s`. `min_iou`, `min_iou_low` and `min_iou_new` are
    the least overlaps with the prediction for sure, doubtful, and unconfirmed matches.
    `class_aware` keeps classes apart.
    """

    def __init__(  # noqa: PLR0913  # the paper's parameters, all optional and keyword-only
        self,
        *,
        high_score: float = 0.4,
        low_score: float = 0.1,
        new_score: float | None = None,
        lost_s: float = 1.5,
        min_hits: int = 2,
        min_iou: float = 0.2,
        min_iou_low: float = 0.5,
        min_iou_new: float = 0.3,
        class_aware: bool = False,
        _columns: dict[str, Floats] | None = None,
    ) -> None:
        super().__init__(lost_s=lost_s, min_hits=min_hits, columns=_columns)
        self._high, self._low = high_score, low_score
        self._new = high_score if new_score is None else new_score
        self._min_iou = (min_iou, min_iou_low, min_iou_new)
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
        return self._follow(detections)

    def _follow(self, detections: Detections) -> Tracks:
        sure = detections.score >= self._high
        found = self._match(detections, sure)
        fresh = sure & (detections.score >= self._new)
        fresh[found[found >= 0]] = False
        return self._settle(detections, found, np.flatnonzero(fresh))

    def _match(self, detections: Detections, sure: Bools) -> Indices:
        """The detection of each track, or -1."""
        table = self._table
        found = np.full(len(table), -1)
        if not len(table) or not len(detections):
            return found
        pairs = overlapping(table.motion.xyxy, detections.xyxy.T, min(self._min_iou))
        if self._class_aware:
            pairs = same_class(pairs, table, detections)
        confirmed = table.track_id > 0
        best, low, new = self._min_iou
        free = sure.copy()
        take(self._alike(pairs), best, found, confirmed, free)
        if not sure.all():
            doubtful = ~sure & (detections.score >= self._low)
            lately = confirmed & (found < 0) & (table.seen_s == self._clock.before_s)
            take(pairs, low, found, lately, doubtful)
        if not confirmed.all():
            take(pairs, new, found, ~confirmed, free)
        return found

    def _alike(self, pairs: Pairs) -> Pairs:
        """The similarity for the first matching: the overlap alone."""
        return pairs
