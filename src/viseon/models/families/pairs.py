"""Detectors with one tensor of boxes and one of class scores, such as YOLO-NAS."""

import numpy as np

from viseon.models.families.contract import Match, Seen, fractions


def boxes_and_scores(seen: Seen) -> Match | None:
    """Two outputs (batch, n, 4) and (batch, n, classes), the scores already between 0 and 1."""
    if len(seen.outputs) != 2 or any(a.ndim != 3 for a in seen.outputs.values()):
        return None
    found = sorted(seen.outputs.items(), key=lambda item: item[1].shape[2] != 4)
    (boxes_name, boxes), (scores_name, scores) = found
    if boxes.shape[2] != 4 or boxes.shape[:2] != scores.shape[:2] or not fractions(scores):
        return None
    ordered = bool(np.all(boxes[..., 2:] >= boxes[..., :2]))
    layout = "xyxy" if ordered else "cxcywh"
    relative = fractions(boxes)
    unit = "fractions of the input" if relative else "pixels of the input"
    return Match(
        family="boxes and scores",
        decoder="boxes-scores",
        outputs=(boxes_name, scores_name),
        because=f"{boxes_name} has {boxes.shape[1]} boxes and {scores_name} a score for each of "
        f"{scores.shape[2]} classes; on a trial picture they were {unit}, {layout}",
        options={"layout": layout, "fractions": relative},
        classes=scores.shape[2],
        doubt="the layout was seen on one picture only: pass options.layout if boxes look wrong",
    )
