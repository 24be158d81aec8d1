"""Tracks against truth, frame by frame: what all tracking metrics start from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon.vision.detections import Tracks
from viseon.vision.errors import VisionError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: identities as numbers from 0, and the overlap of each true with each found box."""

    truth: Indices
    found: Indices
    overlap: Floats


@dataclass(frozen=True, slots=True)
class Sequences:
    """All frames, and in how many of them each identity appears."""

    frames: tuple[Frame, ...]
    truth_frames: Indices
    found_frames: Indices


def paired(found: Sequence[Tracks], truth: Sequence[Tracks]) -> Sequences:
    """Pair the frames of both in order. Raises VisionError if their number differs."""
    if len(found) != len(truth):
        raise VisionError(f"found: {len(found)} frames, but truth has {len(truth)}")
    found_id, found_names = _numbered(found)
    truth_id, truth_names = _numbered(truth)
    frames = tuple(
        Frame(t_id, f_id, _overlap(t, f))
        for t, f, t_id, f_id in zip(truth, found, truth_id, found_id, strict=True)
    )
    return Sequences(
        frames,
        np.bincount(np.concatenate([*truth_id, _NONE]), minlength=truth_names),
        np.bincount(np.concatenate([*found_id, _NONE]), minlength=found_names),
    )


_NONE = np.empty(0, np.int64)


def _numbered(frames: Sequence[Tracks]) -> tuple[list[Indices], int]:
    ids = np.concatenate([*(f.track_id for f in frames), _NONE])
    names, numbers = np.unique(ids, return_inverse=True)
    ends = np.cumsum([0, *(len(f) for f in frames)])[1:-1]
    parts = np.split(numbers.astype(np.int64), ends)[: len(frames)]
    return parts, len(names)


def _overlap(truth: Tracks, found: Tracks) -> Floats:
    """IoU in double precision, as the reference implementations compute it."""
    a, b = truth.xyxy.T.astype(np.float64), found.xyxy.T.astype(np.float64)
    width = np.minimum(a[2, :, None], b[2]) - np.maximum(a[0, :, None], b[0])
    height = np.minimum(a[3, :, None], b[3]) - np.maximum(a[1, :, None], b[1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    union = ((a[2] - a[0]) * (a[3] - a[1]))[:, None] + (b[2] - b[0]) * (b[3] - b[1]) - shared
    overlap: Floats = np.where(union > 0, shared / np.maximum(union, 1e-300), 0.0)
    return overlap
