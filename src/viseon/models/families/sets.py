"""DETR and its descendants."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.models.families.contract import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Match,
    Seen,
    fractions,
    strides_of,
)

_STRETCHED = {"resize": "stretch"}
_IMAGENET = {"resize": "stretch", "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
_DETR_QUERIES = 100


def detr(seen: Seen) -> Match | None:
    """Queries with a box in fractions and a logit per class, as two outputs."""
    pair = _pair(seen)
    if pair is None or not fractions(seen.outputs[pair[0]]):
        return None
    boxes, scores = pair
    classes = int(seen.outputs[scores].shape[2])
    queries = int(seen.outputs[scores].shape[1])
    base = f"{boxes} has {queries} boxes in fractions and {scores} {classes} numbers for each"
    activation, count, why = _activation(seen, seen.outputs[scores])
    rfdetr = "dets" in boxes.lower()
    family = "RF-DETR" if rfdetr else "DETR" if activation == "softmax" else "RT-DETR"
    return Match(
        family=family,
        decoder="detr",
        outputs=pair,
        because=f"{base}; {why}",
        options={"activation": activation},
        classes=count,
        input=dict(_IMAGENET if rfdetr or activation == "softmax" else _STRETCHED),
        doubt="RF-DETR and DETR want ImageNet's mean and std, RT-DETR and D-FINE do not: pass mean "
        "and std if scores look weak",
    )


def rtdetr(seen: Seen) -> Match | None:
    """One output of queries: box in fractions and class scores (Ultralytics' RT-DETR)."""
    single = seen.only()
    if single is None or single[1].ndim != 3:
        return None
    name, rows = single
    # Six columns are those of a finished list; the class number there is not a fraction.
    few = rows.shape[1] <= 1000 and not strides_of(seen, rows.shape[1])
    classes = rows.shape[2] - 4
    if not few or classes < 1 or not fractions(rows) or not (rows[..., 2:4] > 0).all():
        return None
    return Match(
        family="RT-DETR",
        decoder="detr",
        outputs=(name,),
        because=f"output {name} has {rows.shape[1]} queries of a box and {classes} scores, all "
        "between 0 and 1",
        options={"activation": "none"},
        classes=classes,
        input=dict(_STRETCHED),
    )


def _pair(seen: Seen) -> tuple[str, str] | None:
    """The names of boxes and logits."""
    flat = {n: a for n, a in seen.outputs.items() if a.ndim == 3}
    if len(flat) != 2 or len(seen.outputs) > 3:  # some exports add the encoder's memory
        return None
    named = seen.called("box", "logit") or seen.called("det", "label")
    names = named or sorted(flat, key=lambda n: flat[n].shape[2] != 4)
    boxes, scores = names
    if boxes not in flat or scores not in flat or flat[boxes].shape[2] != 4:
        return None
    return (boxes, scores) if flat[boxes].shape[1] == flat[scores].shape[1] else None


def _activation(seen: Seen, scores: NDArray[Any]) -> tuple[str, int, str]:
    classes = int(scores.shape[2])
    if fractions(scores) and not _small_logits(scores):
        return "none", classes, "they lie between 0 and 1 already"
    if seen.classes and classes == len(seen.classes) + 1 and scores.shape[1] <= _DETR_QUERIES:
        return "softmax", classes - 1, "one more than the class names: the last means nothing"
    if not seen.classes and scores.shape[1] == _DETR_QUERIES:
        return "softmax", classes - 1, "100 queries as in DETR, whose last class means nothing"
    if seen.classes and classes > len(seen.classes):
        return "sigmoid", 0, "they are logits; classes beyond the names are not used"
    return "sigmoid", classes, "they are logits, one sigmoid per class"


def _small_logits(scores: NDArray[Any]) -> bool:
    """Logits that happen to lie in 0..1 are as a rule not that close to each other's sum of 1."""
    return bool(np.ptp(scores) < 1e-6 and scores.flat[0] not in (0.0, 1.0))
