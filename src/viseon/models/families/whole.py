"""Classifiers and semantic segmentation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.models.families.contract import IMAGENET_MEAN, IMAGENET_STD, Match, Seen, fractions
from viseon.schema import Task


def classifier(seen: Seen) -> Match | None:
    """One output (batch, classes)."""
    single = seen.only()
    if single is None:
        return None
    name, scores = single
    if scores.ndim not in (2, 4) or not scores.size:
        return None
    flat = scores.reshape(len(scores), -1)
    if flat.shape[1] != scores.shape[1] or flat.shape[1] < 2:
        return None
    shares = fractions(flat) and bool(np.allclose(flat.sum(axis=1), 1, atol=1e-2))
    several = fractions(flat) and not shares
    activation = "none" if fractions(flat) else "softmax"
    form = "shares of 1" if shares else "independent scores" if several else "logits"
    ultralytics = seen.task == "classify"
    feeding: dict[str, Any] = {"resize": "crop"}
    if not ultralytics:
        feeding |= {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    return Match(
        family="classifier (Ultralytics)" if ultralytics else "classifier",
        decoder="classify",
        outputs=(name,),
        because=f"output {name} has {flat.shape[1]} numbers for each picture: {form}",
        task=Task.CLASSIFY,
        options={"activation": activation},
        classes=flat.shape[1],
        input=feeding,
        score=0.05,
        doubt=""
        if ultralytics
        else "most classifiers want ImageNet's mean and std; pass mean=() "
        "and std=() if yours does not",
    )


def segmenter(seen: Seen) -> Match | None:
    """One output with a number per pixel and class, or per pixel."""
    named = [n for n in seen.outputs if n.lower() in ("out", "output", "logits", "sem_seg")]
    single = seen.only() or ((named[0], seen.outputs[named[0]]) if len(named) == 1 else None)
    if single is None or not _is_picture(single[1], seen):
        return None
    name, array = single
    by_class = array.ndim == 4 and array.shape[1] > 1
    classes = int(array.shape[1]) if by_class else 0
    what = f"{classes} numbers for each" if by_class else "one number for each"
    return Match(
        family="semantic segmentation",
        decoder="semantic",
        outputs=(name,),
        because=f"output {name} has {what} of {array.shape[-1]}x{array.shape[-2]} pixels",
        task=Task.SEGMENT,
        options={},
        classes=classes,
        input={"resize": "stretch", "mean": IMAGENET_MEAN, "std": IMAGENET_STD},
        doubt="pass options.background with the class that is not an object, if there is one",
    )


def _is_picture(array: NDArray[Any], seen: Seen) -> bool:
    """As wide for its height as the input, at the same or a lower resolution."""
    if array.ndim not in (3, 4) or min(array.shape[-2:]) < 8:
        return False
    if array.ndim == 3 and array.shape[-1] == 4:
        return False
    across, down = seen.width / array.shape[-1], seen.height / array.shape[-2]
    return bool(abs(across - down) < 1e-6 and 1 <= across <= 32)
