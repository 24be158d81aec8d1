"""What people and models say is in a picture."""

from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from viseon.schema.base import Digest, Noun, Time, canonical_json, digest_of

Box = tuple[float, float, float, float]
"""`xyxy` in pixels of the sample, to a ten-thousandth of a pixel."""

RotatedBox = tuple[float, float, float, float, float]
"""Centre x, centre y, width, height in pixels; degrees clockwise."""

Polygon = Annotated[tuple[float, ...], Field(min_length=6)]
"""x and y in turn, in pixels; the ring closes by itself."""

Keypoint = tuple[float, float, Literal[0, 1, 2]]
"""x, y in pixels; 0 not labelled, 1 hidden, 2 visible."""


class Provenance(Noun):
    """Who or which model made an object, from what, and when."""

    by: str
    at: Time
    source: Literal["person", "model", "import"]
    model: str | None = None
    score: float | None = None


class Mask(Noun):
    """Pixels, run-length encoded column by column as COCO does."""

    height: PositiveInt
    width: PositiveInt
    counts: str
    """COCO's compressed form: six bits a character."""


class Object(Noun):
    """One annotated object: a box, and its exact shape where that is known."""

    id: str
    """Unique in the sample, kept through edits."""
    class_name: str
    box: Box
    rotated: RotatedBox | None = None
    polygons: tuple[Polygon, ...] = ()
    """Parts of one object; overlaps count once."""
    mask: Mask | None = None
    keypoints: tuple[Keypoint, ...] = ()
    track_id: int | None = None
    attributes: dict[str, str | int | float | bool] = {}
    provenance: Provenance | None = None
    """Filled in from the history when shown; not part of the annotation's digest."""

    @field_validator("box")
    @classmethod
    def _ordered(cls, box: Box) -> Box:
        if not all(map(isfinite, box)):
            raise ValueError(f"box {box} is not finite")
        x1, y1, x2, y2 = (round(v, 4) + 0.0 for v in box)  # no -0.0: equal labels, equal digests
        if not (x2 > x1 and y2 > y1):
            raise ValueError(f"box {box} is empty: x2 must exceed x1 and y2 exceed y1")
        return (x1, y1, x2, y2)

    @field_validator("rotated")
    @classmethod
    def _rotated(cls, rotated: RotatedBox | None) -> RotatedBox | None:
        if rotated is None:
            return None
        x, y, w, h, angle = _rounded(rotated)
        if not (w > 0 and h > 0):
            raise ValueError(f"rotated box {rotated} is empty: width and height must exceed 0")
        return (x, y, w, h, angle)

    @field_validator("polygons")
    @classmethod
    def _even(cls, polygons: tuple[Polygon, ...]) -> tuple[Polygon, ...]:
        for polygon in polygons:
            if len(polygon) % 2:
                raise ValueError(f"a polygon has {len(polygon)} numbers: each x needs its y")
        return tuple(_rounded(polygon) for polygon in polygons)

    @field_validator("keypoints")
    @classmethod
    def _placed(cls, keypoints: tuple[Keypoint, ...]) -> tuple[Keypoint, ...]:
        return tuple((*_rounded((x, y)), v) for x, y, v in keypoints)


class Annotation(Noun):
    """Everything said about one sample."""

    objects: tuple[Object, ...] = ()
    classes: tuple[str, ...] = ()
    """What the picture as a whole shows."""
    reviewed: Annotated[bool, Field(description="A person has looked at it.")] = True

    @model_validator(mode="after")
    def _distinct(self) -> "Annotation":
        ids = [thing.id for thing in self.objects]
        if len(set(ids)) != len(ids):
            twice = next(id for id in ids if ids.count(id) > 1)
            raise ValueError(f"two objects have the id {twice!r}: ids are unique in a sample")
        return self

    @property
    def content(self) -> bytes:
        """Canonical JSON of everything that was set, without provenance."""
        return canonical_json(
            self.model_dump(
                mode="json", exclude_defaults=True, exclude={"objects": {"__all__": {"provenance"}}}
            )
        )

    @property
    def digest(self) -> Digest:
        """SHA-256 of `content`: equal digests mean equal labels."""
        return digest_of(self.content)


def _rounded(values: tuple[float, ...]) -> tuple[Any, ...]:
    if not all(map(isfinite, values)):
        raise ValueError(f"{values} is not finite")
    return tuple(round(v, 4) + 0.0 for v in values)
