"""Whether two engines see the same: the gate that exports and other backends must pass."""

from collections.abc import Sequence

import numpy as np

from viseon.schema import Offence, Parity
from viseon.vision import Detections
from viseon.vision.boxes import iou

_LISTED = 20


def compare(
    reference: Sequence[Detections],
    candidate: Sequence[Detections],
    names: Sequence[str],
    *,
    score: float,
    min_iou: float = 0.99,
    max_score_diff: float = 0.01,
) -> Parity:
    """Every detection of either side must have its equal on the other, in the same picture.

    Equal means the same class, IoU of at least `min_iou` and scores within `max_score_diff`. Both
    sides are to be detected at `score - max_score_diff`, so that one just above the threshold finds
    its partner just below.
    """
    offences: list[Offence] = []
    compared, worst_iou, worst_diff = 0, 1.0, 0.0
    for name, ours, theirs in zip(names, reference, candidate, strict=True):
        for one, other, side in ((ours, theirs, "loses"), (theirs, ours, "invents")):
            certain = one.with_score(score)
            overlaps, diffs = _partners(certain, other, min_iou)
            for row in range(len(certain)):
                compared += 1
                worst_iou = min(worst_iou, float(overlaps[row]))
                worst_diff = max(worst_diff, float(diffs[row]))
                reason = _reason(
                    certain, row, (overlaps[row], diffs[row]), (min_iou, max_score_diff)
                )
                if reason:
                    offences.append(Offence(image=name, reason=f"{side} {reason}"))
    return Parity(
        passed=not offences,
        images=len(names),
        compared=compared,
        worst_iou=round(worst_iou, 6),
        worst_score_diff=round(worst_diff, 6),
        offences=tuple(offences[:_LISTED]),
    )


def _partners(one: Detections, other: Detections, min_iou: float) -> tuple[np.ndarray, np.ndarray]:
    """For each row of `one`: the IoU and score difference of its best partner in `other`.

    Among partners that overlap enough the nearest in score is taken.
    """
    overlap = iou(one.xyxy, other.xyxy)
    overlap = np.where(one.class_id[:, None] == other.class_id, overlap, np.float32(0))
    diff = np.abs(one.score[:, None] - other.score)
    if not overlap.shape[1]:
        return np.zeros(len(one)), np.ones(len(one))
    choice = np.where(overlap >= min_iou, 1 - diff, overlap - 2).argmax(axis=1)
    rows = np.arange(len(one))
    return overlap[rows, choice], diff[rows, choice]


def _reason(
    certain: Detections, row: int, found: tuple[float, float], bounds: tuple[float, float]
) -> str:
    overlap, diff = found
    thing = f"class {int(certain.class_id[row])} at {np.round(certain.xyxy[row]).tolist()}"
    if overlap < bounds[0]:
        return f"{thing} (score {certain.score[row]:.3f}, best overlap {overlap:.3f})"
    if diff > bounds[1]:
        return f"{thing}: scores differ by {diff:.3f}"
    return ""
