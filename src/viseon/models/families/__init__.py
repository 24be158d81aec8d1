"""The model families that are recognised by what their graphs give."""

from viseon.models.families.contract import Family, Match, Seen
from viseon.models.families.pairs import boxes_and_scores
from viseon.models.families.yolox import yolox

FAMILIES: tuple[Family, ...] = (yolox, boxes_and_scores)
"""Asked in this order: the most particular first."""

__all__ = ["FAMILIES", "Family", "Match", "Seen"]
