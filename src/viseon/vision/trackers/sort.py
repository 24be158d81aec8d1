"""SORT: predict, overlap, assign; nothing else."""

from typing import Any

import numpy as np

from viseon.vision.assign import overlapping
from viseon.vision.detections import Detections, Tracks
from viseon.vision.trackers.life import TableTracker, same_class, take


class SORT(TableTracker):
    """Matches every detection above `min_score` to a predicted box it overlaps by `min_iou`.

    Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016. Tracks are confirmed in their
    `min_hits`-th consecutive frame (at once in the first frame) and kept unseen for `lost_s`;
    noise is relative to the box, so that the result does not depend on the resolution.
    `class_aware` keeps classes apart.
    """

    def __init__(
        self,
        *,
        min_score: float = 0.25,
        lost_s: float = 1.0,
        min_hits: int = 3,
        min_iou: float = 0.3,
        class_aware: bool = False,
    ) -> None:
        super().__init__(lost_s=lost_s, min_hits=min_hits)
        self._min_score, self._min_iou = min_score, min_iou
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
        table = self._table
        found = np.full(len(table), -1)
        free = detections.score >= self._min_score
        if len(table) and len(detections):
            pairs = overlapping(table.motion.xyxy, detections.xyxy.T, self._min_iou)
            if self._class_aware:
                pairs = same_class(pairs, table, detections)
            take(pairs, self._min_iou, found, np.ones(len(table), bool), free)
        return self._settle(detections, found, np.flatnonzero(free))
