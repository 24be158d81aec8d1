"""A model that takes frames and gives detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.inference.geometry import Placement
from viseon.inference.masks import on_frame
from viseon.inference.preprocess import Pixels, prepare, stack
from viseon.ports import Backend, Images, SharedBackend, Tensor
from viseon.schema import Invalid, Signature
from viseon.vision import Detections
from viseon.vision.decode import Ask, BadDecoder, BadOutputs, Found, decoder

Outputs = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A frame on its way into the model: its tensor, and where the frame lies on it."""

    tensor: NDArray[Any]
    placement: Placement


class Detector:
    """Three steps that may also be taken apart: `prepare`, `infer`, `read`.

    Only `infer` touches the backend, so the others may run in other threads.
    """

    def __init__(self, signature: Signature, backend: Backend, images: Images) -> None:
        self.signature = signature
        self._backend = backend
        self._images = images
        _check_names("output", signature.outputs, [t.name for t in backend.outputs])
        wanted = (signature.input.name, *signature.input.extra)
        _check_names("input", wanted, [t.name for t in backend.inputs])
        self._extra = _extra(signature, backend)
        try:
            self._decode = decoder(signature.decoder, signature.options)
        except BadDecoder as error:
            raise Invalid(str(error), fix="pass decoder=… with one of the known names") from error

    def __call__(
        self,
        frames: Sequence[Pixels],
        *,
        score: float | None = None,
        iou: float | None = None,
        classes: Sequence[str | int] | None = None,
    ) -> list[Detections]:
        """What is in each frame (BGR, height x width x 3), in pixels of the frame.

        `score`, `iou` override the signature's; `classes` keeps only those, by name or number.
        Raises Invalid.
        """
        for name, share in (("score", score), ("iou", iou)):
            if share is not None and not (isinstance(share, Real) and 0 <= share <= 1):
                raise Invalid(f"{name}: {share!r} is not between 0 and 1", fix=f"{name}=0.5")
        wanted = self.class_ids(classes)
        prepared = [self.prepare(frame) for frame in frames]
        size = self.signature.input.batch or max(len(prepared), 1)
        found: list[Detections] = []
        for start in range(0, len(prepared), size):
            part = prepared[start : start + size]
            found += self.read(self.infer(part), part, score=score, iou=iou, classes=wanted)
        return found

    def class_ids(self, classes: Sequence[str | int] | None) -> NDArray[np.int64] | None:
        """Numbers of the classes named; None means all. Raises Invalid for one it does not know."""
        if classes is None:
            return None
        if isinstance(classes, str | int):
            raise Invalid(f"classes: {classes!r} is no list", fix=f"classes=[{classes!r}]")
        return np.array([self._class_id(c) for c in classes], np.int64)

    def prepare(self, frame: Pixels) -> Prepared:
        """Resize, pad and convert one frame."""
        return Prepared(*prepare(frame, self.signature.input, self._images))

    def infer(self, part: Sequence[Prepared]) -> Outputs:
        """Run one batch; a fixed batch size is filled up. Outputs in the signature's order."""
        outputs = self._backend.run(self.inputs(part))
        return [outputs[name] for name in self.signature.outputs]

    def inputs(self, part: Sequence[Prepared]) -> dict[str, NDArray[Any]]:
        """One batch as the graph takes it, by input name."""
        batch = stack([p.tensor for p in part])
        fixed = self.signature.input.batch
        if fixed is not None and len(batch) < fixed:
            fill = np.zeros((fixed - len(batch), *batch.shape[1:]), batch.dtype)
            batch = np.concatenate([batch, fill])
        inputs: dict[str, NDArray[Any]] = {self.signature.input.name: batch}
        for name, row in self._extra.items():
            inputs[name] = np.repeat(row[None], len(batch), axis=0)
        return inputs

    def read(
        self,
        outputs: Outputs,
        part: Sequence[Prepared],
        *,
        score: float | None = None,
        iou: float | None = None,
        classes: NDArray[np.int64] | None = None,
    ) -> list[Detections]:
        """Decode the outputs of a batch and move what was found onto the frames."""
        spec = self.signature.input
        ask = Ask(
            spec.width,
            spec.height,
            self.signature.score if score is None else score,
            self.signature.iou if iou is None else iou,
        )
        try:
            found = self._decode(outputs, ask)
        except BadOutputs as error:
            raise Invalid(
                f"decoder {self.signature.decoder!r} cannot read this model: {error}",
                fix="pass decoder=… for the model's family",
            ) from error
        return [self._moved(f, p.placement, classes) for f, p in zip(found, part, strict=False)]

    def tensors(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """The graph's image input and the outputs it is read by, in the signature's order."""
        outputs = {tensor.name: tensor for tensor in self._backend.outputs}
        image = tuple(t for t in self._backend.inputs if t.name == self.signature.input.name)
        return image, tuple(outputs[name] for name in self.signature.outputs)

    @property
    def callers(self) -> int:
        """How many threads may call `infer` at once, and get more done than one."""
        return self._backend.callers if isinstance(self._backend, SharedBackend) else 1

    def close(self) -> None:
        """Free the device memory."""
        self._backend.close()

    def _moved(
        self, found: Found, placement: Placement, classes: NDArray[np.int64] | None
    ) -> Detections:
        rows = np.isfinite(found.xyxy).all(axis=1) & np.isfinite(found.score)
        if classes is not None:
            rows &= np.isin(found.class_id, classes)
        points = None
        if found.keypoints is not None:
            points = found.keypoints[rows].copy()
            points[:, :, :2] = placement.to_frame(points[:, :, :2])
        xyxy = placement.to_frame(found.xyxy[rows])
        spec = self.signature.input
        mask = None
        if found.mask is not None:
            mask = on_frame(found.mask[rows], xyxy, placement, (spec.width, spec.height))
        return Detections(xyxy, found.score[rows], found.class_id[rows], mask, points)

    def _class_id(self, wanted: str | int) -> int:
        known = self.signature.classes
        if isinstance(wanted, str) and wanted in known:
            return known.index(wanted)
        if isinstance(wanted, int) and 0 <= wanted < max(len(known), 1):
            return wanted
        near = get_close_matches(str(wanted), known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        listed = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        raise Invalid(f"the model has no class {wanted!r}", fix=f"{hint}it knows: {listed}")


def _extra(signature: Signature, backend: Backend) -> dict[str, NDArray[Any]]:
    kinds = {tensor.name: tensor.dtype for tensor in backend.inputs}
    return {n: np.array(row, kinds[n]) for n, row in signature.input.extra.items()}


def _check_names(what: str, wanted: Sequence[str], there: list[str]) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise Invalid(
            f"the model has no {what} named {missing[0]!r}", fix=f"it has: {', '.join(there)}"
        )
