"""FCOS (Tian et al., arXiv 1904.01355) as viseon exports it: boxes decoded, scores final."""

from collections.abc import Sequence

from viseon.vision.decode.boxes_scores import boxes_scores
from viseon.vision.decode.contract import Array, Ask, Found


def fcos(outputs: Sequence[Array], ask: Ask, /) -> list[Found]:
    """Boxes (batch, n, 4) as xyxy in input pixels; scores (batch, n, classes) after the sigmoid."""
    return boxes_scores(outputs, ask)
