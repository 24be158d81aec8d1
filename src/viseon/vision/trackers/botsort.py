"""BoT-SORT: ByteTrack that follows the camera and knows what its tracks look like."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from viseon.vision.appearance import Encoder, normalized, pixels
from viseon.vision.assign import Pairs
from viseon.vision.camera_motion import CameraMotion
from viseon.vision.detections import Detections, Tracks
from viseon.vision.trackers.bytetrack import ByteTrack
from viseon.vision.trackers.table import Floats, Indices

_KEEP = 0.9
"""How much of a track's appearance survives a new sighting (the paper's alpha)."""
_MOST_APART = 0.25
"""Half cosine distance from which appearance says nothing (theta_emb)."""
_LEAST_IOU = 0.5
"""Overlap below which appearance is not asked (1 - theta_iou)."""


class BoTSORT(ByteTrack):
    """ByteTrack with camera-motion compensation and, where embeddings are given, appearance.

    Aharon et al., "BoT-SORT: Robust Associations Multi-Pedestrian Tracking", 2022. With a `frame`,
    predictions follow the camera (`camera_motion`; the paper's affine map, estimated by phase
    correlation). With `embeddings` (n, d) for the detections, or an `encoder` that computes them
    from the frame, the first matching takes the better of overlap and appearance. The other
    parameters are ByteTrack's.
    """

    def __init__(
        self, *, camera_motion: bool = True, encoder: Encoder | None = None, **bytetrack: Any
    ) -> None:
        super().__init__(**bytetrack)
        self._camera = CameraMotion() if camera_motion else None
        self._encoder = encoder
        self._seen: Floats | None = None

    def update(
        self,
        detections: Detections,
        frame: Any = None,
        *,
        time_s: float | None = None,
        embeddings: Any = None,
    ) -> Tracks:
        """The confirmed tracks seen in this frame, by ascending id, with the boxes as detected.

        `frame` is a picture (H, W, 3) uint8 or has one as `image`; `embeddings` (n, d) describe the
        detections. Raises OutOfOrder if time runs back, VisionError for unfit embeddings.
        """
        self._advance(time_s)
        image = pixels(frame)
        if image is not None and self._camera is not None:
            self._table.motion.move(self._camera.update(image))
        if embeddings is None and self._encoder is not None and image is not None:
            embeddings = self._encoder(image, detections.xyxy)
        self._seen = None
        if embeddings is not None and len(detections):
            self._seen = normalized(embeddings, len(detections))
            self._table.widen("look", np.zeros(self._seen.shape[1]))
        return self._follow(detections)

    def reset(self) -> None:
        """Forget all tracks, the time and the camera, but not the ids given."""
        super().reset()
        if self._camera is not None:
            self._camera.reset()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; the camera's motion is known again from the next frame."""
        super().restore(state)
        if self._camera is not None:
            self._camera.reset()

    def _alike(self, pairs: Pairs) -> Pairs:
        if self._seen is None or not len(pairs.rows):
            return pairs
        look = self._table.extra["look"][pairs.rows]
        apart = (1 - (look * self._seen[pairs.cols]).sum(axis=1)) / 2
        near = (apart <= _MOST_APART) & (pairs.similarity >= _LEAST_IOU) & look.any(axis=1)
        better = np.maximum(pairs.similarity, np.where(near, 1 - apart, 0.0))
        return pairs._replace(similarity=better)

    def _learn(self, rows: Indices, at: Indices, seen: Detections) -> None:
        if self._seen is None:
            return
        looks = self._table.extra["look"]
        old, sure = looks[rows], (seen.score >= self._high)[:, None]
        known = old.any(axis=1, keepdims=True)
        new = np.where(known, _KEEP * old + (1 - _KEEP) * self._seen[at], self._seen[at])
        length = np.sqrt(np.square(new).sum(axis=1, keepdims=True))
        looks[rows] = np.where(sure | ~known, new / np.maximum(length, 1e-12), old)
