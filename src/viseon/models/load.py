"""A model as a function: frames in, detections out."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

from viseon.inference import Detector
from viseon.inference.preprocess import Pixels
from viseon.models.classes import read_classes
from viseon.models.signature import Inferred, Overrides, infer_signature
from viseon.ports import Backend, Images
from viseon.schema import Decision, Invalid, NotFound, Signature
from viseon.vision import Detections

Picture = Pixels | bytes | str | Path
"""Pixels (BGR), the bytes of an image file, or where one lies."""


class LoadedModel:
    """Call it with a picture, or with a list of them."""

    def __init__(
        self, detector: Detector, images: Images, decisions: tuple[Decision, ...] = ()
    ) -> None:
        self._detector = detector
        self._images = images
        self.decisions = decisions

    @property
    def signature(self) -> Signature:
        """How it is fed and read."""
        return self._detector.signature

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by `class_id`."""
        return self.signature.classes

    @overload
    def __call__(
        self,
        pictures: Picture,
        *,
        score: float | None = None,
        iou: float | None = None,
        classes: Sequence[str | int] | None = None,
    ) -> Detections: ...
    @overload
    def __call__(
        self,
        pictures: list[Picture],
        *,
        score: float | None = None,
        iou: float | None = None,
        classes: Sequence[str | int] | None = None,
    ) -> list[Detections]: ...
    def __call__(
        self,
        pictures: Picture | list[Picture],
        *,
        score: float | None = None,
        iou: float | None = None,
        classes: Sequence[str | int] | None = None,
    ) -> Detections | list[Detections]:
        """What is in a picture, or in each of several. Pixels of the picture. Raises Invalid."""
        several = pictures if isinstance(pictures, list) else [pictures]
        frames = [self._pixels(picture) for picture in several]
        found = self._detector(frames, score=score, iou=iou, classes=classes)
        return found if isinstance(pictures, list) else found[0]

    def explain(self) -> str:
        """What was decided about feeding and reading it, one line each, and why."""
        return "\n".join(str(decision) for decision in self.decisions)

    def close(self) -> None:
        """Free the device memory."""
        self._detector.close()

    def _pixels(self, picture: Picture) -> Pixels:
        if isinstance(picture, str | Path):
            path = Path(picture)
            if not path.is_file():
                raise NotFound(f"there is no file {path}", fix="check the path to the picture")
            picture = path.read_bytes()
        return self._images.decode(picture) if isinstance(picture, bytes) else picture


def load(
    backend: Backend,
    images: Images,
    *,
    classes: str | Path | Sequence[str] = (),
    signature: Signature | None = None,
    overrides: Overrides | None = None,
) -> LoadedModel:
    """A model that can be called, from an opened ONNX file.

    `classes` are names, or the path of a file of them. With a `signature` nothing is inferred.
    """
    if signature is not None:
        return LoadedModel(Detector(signature, backend, images), images)
    inferred: Inferred = infer_signature(backend, classes=_classes(classes), given=overrides)
    detector = Detector(inferred.signature, backend, images)
    return LoadedModel(detector, images, inferred.decisions)


def _classes(classes: str | Path | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(classes, str | Path):
        return tuple(classes)
    path = Path(classes)
    if not path.is_file():
        raise NotFound(
            f"classes: there is no file {path}", fix="pass a file with one name per line, or a list"
        )
    try:
        return read_classes(path.read_text(encoding="utf-8"), where=path.name)
    except UnicodeDecodeError as error:
        raise Invalid(f"classes: {path.name} is not UTF-8 text: {error}") from error
