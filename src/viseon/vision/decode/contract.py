"""What every decoder takes and gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseon.vision.boxes import nms
from viseon.vision.detections import Detections
from viseon.vision.errors import VisionError

Array = NDArray[np.floating] | NDArray[np.integer]
Floats = NDArray[np.float32]


class BadOutputs(VisionError):
    """Tensors that this decoder cannot read; the message says which shapes it wants."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the caller wants to see, and the size of the model's input in pixels."""

    width: int
    height: int
    min_score: float = 0.25
    min_iou: float = 0.5
    """Overlap above which the lesser box of a class is dropped."""
    max_found: int = 300


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a model sees in one picture, in pixels of the model's input.

    `xyxy` (n, 4) float32; `score` (n,) float32; `class_id` (n,) int64; `mask` (n, h, w) float32
    logits that cover the whole input at any resolution, inside where above 0; `keypoints`
    (n, K, 3) float32 as x, y, score. Best score first.
    """

    xyxy: Floats
    score: Floats
    class_id: NDArray[np.int64]
    mask: Floats | None = None
    keypoints: Floats | None = None

    def __len__(self) -> int:
        return len(self.score)

    def detections(self) -> Detections:
        """Boxes, scores, classes and keypoints as the rest of the library knows them; no masks."""
        return Detections(self.xyxy, self.score, self.class_id, keypoints=self.keypoints)


class Decode(Protocol):
    """A pure function from raw outputs to what was found: one `Found` per picture of the batch.

    `outputs` are in the order the signature names them, the batch is their first axis. Options of a
    decoder are its keyword-only arguments with plain JSON values. Raises BadOutputs.
    """

    def __call__(self, outputs: Sequence[Array], ask: Ask, /) -> list[Found]:
        """Scores reach `ask.min_score`, duplicates are gone, at most `ask.max_found` remain."""
        ...


def survivors(
    xyxy: Floats, score: Floats, class_id: NDArray[np.int64], ask: Ask
) -> NDArray[np.int64]:
    """Rows left by per-class non-maximum suppression, best first, at most `ask.max_found`.

    Boxes that are not finite (a model gone wrong, an overflow) are dropped before they spread.
    """
    real = np.flatnonzero(np.isfinite(xyxy).all(axis=1) & np.isfinite(score))
    kept = nms(xyxy[real], score[real], min_iou=ask.min_iou, class_id=class_id[real])
    return real[kept[: ask.max_found]]


def best_first(score: Floats, ask: Ask) -> NDArray[np.int64]:
    """For decoders without suppression: rows that reach `min_score`, best first, limited."""
    rows = np.flatnonzero(score >= ask.min_score)
    order = np.argsort(-score[rows], kind="stable")
    chosen: NDArray[np.int64] = rows[order][: ask.max_found]
    return chosen


def best_class(scores: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The highest of each row's class scores (n, C) and its class; the first where they tie."""
    class_id = scores.argmax(axis=1) if scores.size else np.zeros(len(scores), np.int64)
    return scores[np.arange(len(scores)), class_id] if scores.size else np.zeros(
        len(scores), np.float32
    ), class_id


def corners(cxcywh: Floats) -> Floats:
    """Centre, width, height (n, 4) → xyxy; a negative size counts as none."""
    half = np.maximum(cxcywh[:, 2:4], np.float32(0)) * np.float32(0.5)
    return np.concatenate([cxcywh[:, :2] - half, cxcywh[:, :2] + half], axis=1)


def as_float(array: Array) -> Floats:
    """The same numbers as float32."""
    return np.asarray(array, np.float32)


def one_output(outputs: Sequence[Array], wants: str) -> Floats:
    """The only output, as float32. Raises BadOutputs that says what is wanted."""
    if len(outputs) != 1:
        raise BadOutputs(f"{len(outputs)} outputs, but this decoder reads one: {wants}")
    return as_float(outputs[0])
