"""What objects look like: vectors to compare them by, and a way to get some without a model."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.errors import VisionError

Embeddings = NDArray[np.float32]
Image = NDArray[np.uint8]
Encoder = Callable[[Image, NDArray[np.float32]], Embeddings]
"""Turns a picture (H, W, 3) and boxes (n, 4) into one vector for each box (n, d)."""

_BANDS, _LEVELS = 6, 4
_GRID = (36, 12)


def pixels(frame: Any) -> Image | None:
    """The picture of a frame: an array itself, or the `image` of something that has one."""
    image = getattr(frame, "image", frame)
    return image if isinstance(image, np.ndarray) else None


def normalized(embeddings: Any, n: int) -> NDArray[np.float64]:
    """Unit vectors (n, d); raises VisionError where there is not one finite vector for each."""
    vectors = np.asarray(embeddings, np.float64)
    if vectors.ndim != 2 or len(vectors) != n:
        raise VisionError(f"embeddings: shape {vectors.shape}, expected ({n}, d)")
    if not np.isfinite(vectors).all():
        raise VisionError("embeddings: every number must be finite")
    length = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
    unit: NDArray[np.float64] = vectors / np.maximum(length, 1e-12)
    return unit


def colour_encoder(image: Image, xyxy: NDArray[np.float32]) -> Embeddings:
    """Colour histograms of six bands from top to bottom (n, 384): no model, no weights.

    Compares clothes, not faces: square roots of frequencies (Hellinger), sampled on a grid over the
    middle of each box. Good for short gaps in one camera; use a ReID model for more.
    """
    height, width = image.shape[:2]
    down, across = np.linspace(0.04, 0.96, _GRID[0]), np.linspace(0.2, 0.8, _GRID[1])
    y = xyxy[:, 1, None] + (xyxy[:, 3] - xyxy[:, 1])[:, None] * down
    x = xyxy[:, 0, None] + (xyxy[:, 2] - xyxy[:, 0])[:, None] * across
    rows = np.clip(y, 0, height - 1).astype(np.int64)[:, :, None]
    cols = np.clip(x, 0, width - 1).astype(np.int64)[:, None, :]
    picked = image[rows, cols]
    if picked.ndim == 3:
        picked = np.repeat(picked[..., None], 3, axis=3)
    level = (picked // (256 // _LEVELS)).astype(np.int64)
    code = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    band = (np.arange(_GRID[0]) * _BANDS // _GRID[0])[None, :, None]
    bins = _BANDS * _LEVELS**3
    at = np.arange(len(xyxy))[:, None, None] * bins + band * _LEVELS**3 + code
    counts = np.bincount(at.ravel(), minlength=len(xyxy) * bins).reshape(len(xyxy), bins)
    share = counts / (_GRID[0] * _GRID[1])
    return np.sqrt(share).astype(np.float32)
