"""Constant-velocity Kalman filters for many boxes at once."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POSITION = slice(0, 4)
VELOCITY = slice(4, 8)
_VAR_P, _COV, _VAR_V = slice(8, 12), slice(12, 16), slice(16, 20)

# Standard deviations as fractions of the box's own size per frame of 1/30 s. The scheme is that of
# Wojke et al. 2017; the values trust the motion more and the detector less, which keeps more
# identities through occlusions (docs/how-to/tracking.md has the measurement).
_MEASURE = 1 / 10
_DRIFT_P, _DRIFT_V = 1 / 40, 1 / 160
_START_P, _START_V = 1 / 10, 1 / 16


class BoxFilter:
    """One filter per box: centre x, centre y, width, height and their velocities per frame.

    All noise is diagonal and relative to the box's size, so the 8 x 8 covariance of the textbook
    filter falls apart into four 2 x 2 blocks, one per coordinate, and a step of all tracks is a
    handful of array operations on twenty rows: position, velocity, var(p), cov(p, v), var(v).
    `predict` obeys predict(a) then predict(b) = predict(a + b) for a fixed size, so a stream of
    uneven frame rate is filtered like an even one.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: Floats | None = None) -> None:
        self.rows: Floats = np.empty((20, 0)) if rows is None else rows

    def __len__(self) -> int:
        return int(self.rows.shape[1])

    @classmethod
    def born(cls, measured: Floats) -> Self:
        """Filters that have seen one measurement (4, n): at rest, unsure of their velocity."""
        rows = np.zeros((20, measured.shape[1]))
        rows[POSITION] = measured
        size = _size(measured)
        rows[_VAR_P] = np.square(size * _START_P)
        rows[_VAR_V] = np.square(size * _START_V)
        return cls(rows)

    @property
    def xyxy(self) -> Floats:
        """The boxes as four rows x1, y1, x2, y2 (4, n)."""
        rows = self.rows
        boxes = np.empty((4, rows.shape[1]))
        half = np.maximum(rows[2:4], 0) * 0.5
        np.subtract(rows[0:2], half, out=boxes[0:2])
        np.add(rows[0:2], half, out=boxes[2:4])
        return boxes

    def predict(self, dt: float | Floats) -> None:
        """Move all `dt` frames on, or each its own (n,); no size falls below a tenth of a pixel."""
        rows = self.rows
        size = np.square(_size(rows[POSITION]))
        noise_p, noise_v = size * (_DRIFT_P**2 * dt), size * _DRIFT_V**2
        position, velocity = rows[POSITION], rows[VELOCITY]
        var_p, cov, var_v = rows[_VAR_P], rows[_COV], rows[_VAR_V]
        position += velocity * dt
        np.maximum(position[2:], 0.1, out=position[2:])
        # n single steps of the discrete model, as polynomials in n = dt.
        var_p += (2 * dt) * cov + (dt * dt) * var_v + noise_p
        cov += dt * var_v
        var_v += noise_v * dt
        if not isinstance(dt, float) or dt != 1.0:
            var_p += noise_v * (dt * (dt - 1) * (2 * dt - 1) / 6)
            cov += noise_v * (dt * (dt - 1) / 2)

    def update(self, at: NDArray[np.int64], measured: Floats) -> None:
        """Correct the filters `at` with their measurements (4, k) of centre, width, height."""
        whole = len(at) == self.rows.shape[1]
        rows = self.rows if whole else self.rows[:, at]
        noise = np.square(_size(rows[POSITION]) * _MEASURE)
        var_p, cov = rows[_VAR_P], rows[_COV]
        total = var_p + noise
        gain_p, gain_v = var_p / total, cov / total
        surprise = measured - rows[POSITION]
        rows[POSITION] += gain_p * surprise
        rows[VELOCITY] += gain_v * surprise
        rows[_VAR_V] -= gain_v * cov
        kept = noise / total
        rows[_VAR_P] *= kept
        rows[_COV] *= kept
        if not whole:
            self.rows[:, at] = rows

    def distance(self, at: NDArray[np.int64], measured: Floats) -> Floats:
        """Squared Mahalanobis distance of measurements (4, m) from the filters `at` → (k, m)."""
        rows = self.rows[:, at]
        total = rows[_VAR_P] + np.square(_size(rows[POSITION]) * _MEASURE)
        apart = rows[POSITION][:, :, None] - measured[:, None, :]
        result: Floats = (np.square(apart) / total[:, :, None]).sum(axis=0)
        return result

    def hold_size(self, at: NDArray[np.int64]) -> None:
        """Stop the growth of unseen boxes: a lost track must neither swell nor vanish."""
        self.rows[6:8, at] = 0.0

    def move(self, affine: Floats) -> None:
        """Follow a camera motion: `affine` (2, 3) maps the last frame's pixels to this frame's.

        Means turn and scale exactly, with the covariances' own axes; the correlation that a
        rotation would create between x and y is dropped (under 1 % below 5 degrees).
        """
        turn, shift = affine[:, :2], affine[:, 2]
        rows, squared = self.rows, np.square(affine[:, :2])
        scale = float(np.sqrt(abs(np.linalg.det(turn))))
        rows[0:2] = turn @ rows[0:2] + shift[:, None]
        rows[4:6] = turn @ rows[4:6]
        rows[2:4] *= scale
        rows[6:8] *= scale
        for block in (8, 12, 16):
            rows[block : block + 2] = squared @ rows[block : block + 2]
            rows[block + 2 : block + 4] *= scale * scale

    def keep(self, which: NDArray[np.bool_]) -> None:
        """Forget all others."""
        self.rows = np.ascontiguousarray(self.rows[:, which])

    def add(self, other: "BoxFilter") -> None:
        """Append another's filters."""
        self.rows = np.concatenate([self.rows, other.rows], axis=1)

    def state(self) -> list[list[float]]:
        """Twenty lists; exact through JSON."""
        return [list(map(float, row)) for row in self.rows]

    @classmethod
    def restored(cls, state: Any) -> Self:
        """From what `state` gave."""
        return cls(np.asarray(state, np.float64).reshape(20, -1))


def centered(xyxy: NDArray[np.floating]) -> Floats:
    """Boxes (n, 4) as rows centre x, centre y, width, height (4, n)."""
    box = xyxy.T.astype(np.float64)
    rows = np.empty(box.shape)
    np.add(box[:2], box[2:], out=rows[:2])
    rows[:2] *= 0.5
    np.subtract(box[2:], box[:2], out=rows[2:])
    return rows


def _size(centre_size: Floats) -> Floats:
    """Per coordinate, the length its noise is relative to: width, height, width, height (4, n)."""
    size = np.empty(centre_size.shape)
    np.maximum(centre_size[2:4], 1.0, out=size[:2])
    size[2:] = size[:2]
    return size
