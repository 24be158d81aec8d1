"""From pixels to metres on a plane, and back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision.errors import BadGeometry

Floats = NDArray[np.float64]


class Homography:
    """The map between a picture and a flat ground, from at least four known points.

    Direct linear transform with normalised points (Hartley and Zisserman 2004, algorithm 4.2), in
    the least-squares sense for more than four. Raises BadGeometry where the points cannot determine
    it.
    """

    def __init__(self, image_xy: ArrayLike, world_xy: ArrayLike) -> None:
        image, world = np.asarray(image_xy, np.float64), np.asarray(world_xy, np.float64)
        if image.shape != world.shape or image.ndim != 2 or image.shape[1:] != (2,):
            raise BadGeometry(
                f"points: shapes {image.shape} and {world.shape}, expected (n, 2) both"
            )
        if len(image) < 4:
            raise BadGeometry(f"points: {len(image)} given, a homography needs four")
        if not (np.isfinite(image).all() and np.isfinite(world).all()):
            raise BadGeometry("points: every number must be finite")
        self._matrix = _fit(image, world)
        self._inverse: Floats = np.linalg.inv(self._matrix).astype(np.float64)

    @property
    def matrix(self) -> Floats:
        """The 3 x 3 matrix from image to world."""
        return self._matrix.copy()

    def to_world(self, points: ArrayLike) -> Floats:
        """Pixels (n, 2) as places on the ground (n, 2); NaN beyond the horizon."""
        return _apply(self._matrix, np.asarray(points, np.float64).reshape(-1, 2))

    def to_image(self, points: ArrayLike) -> Floats:
        """Places on the ground (n, 2) as pixels (n, 2)."""
        return _apply(self._inverse, np.asarray(points, np.float64).reshape(-1, 2))


def _fit(image: Floats, world: Floats) -> Floats:
    norm_a, norm_b = _normalizer(image), _normalizer(world)
    a, b = _apply(norm_a, image), _apply(norm_b, world)
    rows = np.zeros((2 * len(a), 9))
    ones = np.concatenate([a, np.ones((len(a), 1))], axis=1)
    rows[0::2, 0:3], rows[1::2, 3:6] = ones, ones
    rows[0::2, 6:9], rows[1::2, 6:9] = -b[:, :1] * ones, -b[:, 1:] * ones
    _, strength, basis = np.linalg.svd(rows)
    if strength[7] < 1e-7 * strength[0]:
        raise BadGeometry("points: three of four lie on one line; spread them over the ground")
    matrix = np.linalg.inv(norm_b) @ basis[8].reshape(3, 3) @ norm_a
    # The points given lie before the horizon, so their third coordinate is made positive.
    depth = np.concatenate([image, np.ones((len(image), 1))], axis=1) @ matrix[2]
    if abs(np.linalg.det(matrix / np.abs(matrix).max())) < 1e-15 or (depth[0] * depth <= 0).any():
        raise BadGeometry("points: no flat ground looks like this; check their order")
    fitted: Floats = matrix * np.sign(depth[0]) / np.abs(matrix).max()
    return fitted


def _normalizer(points: Floats) -> Floats:
    middle = points.mean(axis=0)
    spread = float(np.sqrt(np.square(points - middle).sum(axis=1)).mean())
    if spread == 0:
        raise BadGeometry("points: all are the same")
    scale = np.sqrt(2) / spread
    matrix: Floats = np.diag([scale, scale, 1.0]).astype(np.float64)
    matrix[:2, 2] = -scale * middle
    return matrix


def _apply(matrix: Floats, points: Floats) -> Floats:
    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    depth = mapped[:, 2:]
    placed: Floats = mapped[:, :2] / np.where(depth > 1e-12, depth, np.nan)
    return placed
