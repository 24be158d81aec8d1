"""A model as a function: frames in, detections out."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, overload

from pydantic import ValidationError

from viseon.inference import Detector
from viseon.inference.preprocess import Pixels
from viseon.models.classes import read_classes
from viseon.models.signature import Inferred, Overrides, infer_signature
from viseon.ports import Backend, Images
from viseon.schema import Decision, Invalid, Model, NotFound, Signature
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
    registered: Model | None = None,
    overrides: Mapping[str, Any] | Overrides | None = None,
) -> LoadedModel:
    """A model that can be called, from an opened ONNX file.

    `classes` are names, or the path of a file of them; `overrides` is what a person knows better.
    Nothing is inferred about a `registered` model. Raises Invalid naming what is wrong.
    """
    if registered is not None:
        detector = Detector(registered.signature, backend, images)
        return LoadedModel(detector, images, registered.decisions)
    given = corrections(overrides) if isinstance(overrides, Mapping) else overrides
    inferred: Inferred = infer_signature(backend, classes=_classes(classes), given=given)
    detector = Detector(inferred.signature, backend, images)
    return LoadedModel(detector, images, inferred.decisions)


def corrections(said: Mapping[str, Any]) -> Overrides:
    """What a person said, checked. Raises Invalid naming the key and the nearest known one."""
    try:
        return Overrides.model_validate(dict(said))
    except ValidationError as error:
        detail = error.errors()[0]
        near = get_close_matches(str(detail["loc"][0]), Overrides.model_fields, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        known = ", ".join(Overrides.model_fields)
        raise Invalid.because(detail, fix=f"{hint}known: {known}") from error


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
