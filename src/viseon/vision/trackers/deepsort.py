"""DeepSORT: tracks are found again by what they look like."""

from typing import Any

import numpy as np

from viseon.vision.appearance import Encoder, colour_encoder, normalized, pixels
from viseon.vision.assign import Pairs, overlapping
from viseon.vision.detections import Detections, Tracks
from viseon.vision.errors import VisionError
from viseon.vision.kalman import centered
from viseon.vision.trackers.life import TableTracker, same_class, take
from viseon.vision.trackers.table import Bools, Floats, Indices

_GATE = 4 * 9.4877
"""Twice the reach of the 95 % region (chi-square, four degrees): people turn suddenly."""
_NEARER = 0.01
"""How much of the similarity is nearness, so that equal looks go to the nearer track."""


class DeepSORT(TableTracker):
    """Matches by appearance, those seen last first, within the reach of each track's motion.

    Wojke et al., "Simple Online and Realtime Tracking with a Deep Association Metric", ICIP 2017.
    A detection's distance from a track is the smallest cosine distance from the last `gallery`
    sightings, at most `max_distance`, and must be within reach of the track's motion; what is left
    over is matched by overlap to tracks seen in the last frame. The vectors come with `update`, or
    from `encoder` (any ReID model; without one, colour histograms).
    """

    def __init__(  # noqa: PLR0913  # the paper's parameters, all optional and keyword-only
        self,
        *,
        encoder: Encoder = colour_encoder,
        min_score: float = 0.3,
        lost_s: float = 2.0,
        min_hits: int = 3,
        max_distance: float = 0.2,
        min_iou: float = 0.3,
        gallery: int = 16,
        class_aware: bool = False,
    ) -> None:
        if gallery < 1:
            raise VisionError(f"gallery: {gallery} must be at least 1")
        super().__init__(lost_s=lost_s, min_hits=min_hits)
        self._encoder, self._gallery = encoder, gallery
        self._min_score, self._min_iou = min_score, min_iou
        self._max_distance = max_distance
        self._class_aware = class_aware
        self._seen: Floats = np.empty((0, 0))

    def update(
        self,
        detections: Detections,
        frame: Any = None,
        *,
        time_s: float | None = None,
        embeddings: Any = None,
    ) -> Tracks:
        """The confirmed tracks seen in this frame, by ascending id, with the boxes as detected.

        Needs `embeddings` (n, d) of the detections or a `frame` to compute them from, a picture
        (H, W, 3) or something whose `image` is one. Raises VisionError without either, OutOfOrder
        if time runs back.
        """
        self._advance(time_s)
        table = self._table
        found = np.full(len(table), -1)
        free = detections.score >= self._min_score
        if len(detections):
            self._seen = normalized(self._look(detections, frame, embeddings), len(detections))
            table.widen("looks", np.zeros((self._gallery, self._seen.shape[1])))
            if len(table):
                self._match(detections, found, free)
        return self._settle(detections, found, np.flatnonzero(free))

    def _look(self, detections: Detections, frame: Any, embeddings: Any) -> Any:
        if embeddings is not None:
            return embeddings
        image = pixels(frame)
        if image is None:
            raise VisionError("frame: needed to compute embeddings; pass it, or embeddings=")
        return self._encoder(image, detections.xyxy)

    def _match(self, detections: Detections, found: Indices, free: Bools) -> None:
        table = self._table
        alike = self._of_class(self._reachable(detections), detections)
        confirmed = table.track_id > 0
        least = 1 - self._max_distance
        for seen_s in np.unique(table.seen_s[confirmed])[::-1]:  # the paper's cascade
            take(alike, least, found, confirmed & (table.seen_s == seen_s), free)
        near = self._of_class(
            overlapping(table.motion.xyxy, detections.xyxy.T, self._min_iou), detections
        )
        lately = (table.seen_s == self._clock.before_s) & (found < 0)
        take(near, self._min_iou, found, lately, free)

    def _reachable(self, detections: Detections) -> Pairs:
        """Cosine similarities of the pairs that the motion allows."""
        table = self._table
        everyone = np.arange(len(table))
        apart = table.motion.distance(everyone, centered(detections.xyxy))
        rows, cols = np.nonzero(apart <= _GATE)
        if not len(rows):
            return Pairs(rows, cols, np.empty(0))
        looks = table.extra["looks"]
        alike = looks.reshape(-1, looks.shape[2]) @ self._seen.T
        nearest = alike.reshape(len(table), looks.shape[1], -1).max(axis=1)
        closeness = _NEARER * (1 - apart[rows, cols] / _GATE)
        return Pairs(rows, cols, nearest[rows, cols] + closeness)

    def _of_class(self, pairs: Pairs, detections: Detections) -> Pairs:
        return same_class(pairs, self._table, detections) if self._class_aware else pairs

    def _learn(self, rows: Indices, at: Indices, seen: Detections) -> None:  # noqa: ARG002
        table = self._table
        table.extra["looks"][rows, (table.hits[rows] - 1) % self._gallery] = self._seen[at]
