"""From a model's raw outputs to what it found. Small pure functions, one per family of heads.

To add one: write a function that fits `Decode` in its own module and name it in `DECODERS`.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial
from inspect import Parameter, signature
from types import MappingProxyType
from typing import Any

from viseon.vision.decode.boxes_scores import boxes_scores
from viseon.vision.decode.contract import Ask, BadOutputs, Decode, Found
from viseon.vision.decode.detectnet import detectnet_v2
from viseon.vision.decode.detr import detr
from viseon.vision.decode.fcos import fcos
from viseon.vision.decode.postprocessed import detection_output, postprocessed
from viseon.vision.decode.whole import classify, semantic
from viseon.vision.decode.yolo import yolov5, yolov8, yolov10
from viseon.vision.decode.yolox import yolox
from viseon.vision.errors import VisionError

DECODERS: Mapping[str, Decode] = MappingProxyType(
    {
        "boxes-scores": boxes_scores,
        "classify": classify,
        "detection-output": detection_output,
        "detectnet-v2": detectnet_v2,
        "detr": detr,
        "fcos": fcos,
        "postprocessed": postprocessed,
        "semantic": semantic,
        "yolov10": yolov10,
        "yolov5": yolov5,
        "yolov8": yolov8,
        "yolox": yolox,
    }
)
"""Every decoder by the name a signature uses."""

__all__ = ["DECODERS", "Ask", "BadDecoder", "BadOutputs", "Decode", "Found", "decoder"]


class BadDecoder(VisionError):
    """A decoder or an option of one that does not exist; the message names those that do."""


def decoder(name: str, options: Mapping[str, Any] | None = None) -> Decode:
    """The decoder of that name with its options bound. Raises BadDecoder."""
    if name not in DECODERS:
        raise BadDecoder(f"no decoder named {name!r}{_nearest(name, DECODERS)}")
    options = dict(options or {})
    known = options_of(name)
    for option in options:
        if option not in known:
            raise BadDecoder(f"decoder {name!r} has no option {option!r}{_nearest(option, known)}")
    return partial(DECODERS[name], **options)


def options_of(name: str) -> dict[str, Any]:
    """A decoder's options and their defaults."""
    parameters = signature(DECODERS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is Parameter.KEYWORD_ONLY}


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(word, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{hint} (known: {', '.join(sorted(known)) or 'none'})"
