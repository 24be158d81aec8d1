"""How far counts and dwell times are from the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from viseon.vision.assign import assign
from viseon.vision.errors import VisionError

Visit = tuple[float, float]
"""When somebody came and went, in seconds."""


@dataclass(frozen=True, slots=True)
class CountError:
    """Counts beside the truth. `absolute` adds up over all names, so errors cannot cancel out."""

    found: int
    truth: int
    absolute: int

    @property
    def relative(self) -> float:
        """`absolute` as a share of the truth; infinite where there was nothing to count."""
        if self.truth == 0:
            return 0.0 if self.absolute == 0 else float("inf")
        return self.absolute / self.truth


def count_error(found: Mapping[str, int], truth: Mapping[str, int]) -> CountError:
    """Compare counts by name, such as "door in" and "door out"; a missing name counts 0."""
    names = {*found, *truth}
    wrong = sum(abs(found.get(n, 0) - truth.get(n, 0)) for n in names)
    return CountError(sum(found.values()), sum(truth.values()), wrong)


@dataclass(frozen=True, slots=True)
class DwellError:
    """Matched visits, and how far their lengths are off; visits missed and visits made up."""

    matched: int
    missed: int
    extra: int
    mean_absolute_s: float
    mean_signed_s: float
    truth_mean_s: float

    @property
    def relative(self) -> float:
        """The mean absolute error as a share of the mean true visit."""
        return self.mean_absolute_s / self.truth_mean_s if self.truth_mean_s > 0 else 0.0


def dwell_error(
    found: Sequence[Visit], truth: Sequence[Visit], *, min_overlap: float = 0.1
) -> DwellError:
    """Match visits one to one by how much of their time they share (IoU), then compare lengths.

    Raises VisionError for a visit that ends before it begins.
    """
    a, b = _visits("found", found), _visits("truth", truth)
    shared = np.minimum(a[:, None, 1], b[:, 1]) - np.maximum(a[:, None, 0], b[:, 0])
    length_a, length_b = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]
    shared = np.maximum(shared, 0)
    union = np.maximum(length_a[:, None] + length_b - shared, 1e-12)
    rows, cols = assign(shared / union, min_overlap)
    off = length_a[rows] - length_b[cols]
    n = len(rows)
    return DwellError(
        n,
        len(b) - n,
        len(a) - n,
        float(np.abs(off).mean()) if n else 0.0,
        float(off.mean()) if n else 0.0,
        float(length_b.mean()) if len(b) else 0.0,
    )


def _visits(
    name: str, visits: Sequence[Visit]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    spans = np.asarray(visits, np.float64).reshape(-1, 2)
    if not np.isfinite(spans).all() or (spans[:, 1] < spans[:, 0]).any():
        raise VisionError(f"{name}: every visit needs a finite start before its end")
    return spans
