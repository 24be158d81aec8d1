"""What people and models say is in a picture."""

from math import isfinite
from typing import Annotated, Literal

from pydantic import Field, field_validator

from viseon.schema.base import Digest, Noun, Time, canonical_json, digest_of

Box = tuple[float, float, float, float]
"""`xyxy` in pixels of the sample, to a ten-thousandth of a pixel."""


class Provenance(Noun):
    """Who or which model made an object, from what, and when."""

    by: str
    at: Time
    source: Literal["person", "model", "import"]
    model: str | None = None
    score: float | None = None


class Object(Noun):
    """One annotated object."""

    id: str
    """Unique in the sample, kept through edits."""
    class_name: str
    box: Box
    track_id: int | None = None
    attributes: dict[str, str | int | float | bool] = {}
    provenance: Provenance | None = None
    """Filled in from the history when shown; not part of the annotation's digest."""

    @field_validator("box")
    @classmethod
    def _ordered(cls, box: Box) -> Box:
        if not all(map(isfinite, box)):
            raise ValueError(f"box {box} is not finite")
        x1, y1, x2, y2 = (round(v, 4) for v in box)
        if not (x2 > x1 and y2 > y1):
            raise ValueError(f"box {box} is empty: x2 must exceed x1 and y2 exceed y1")
        return (x1, y1, x2, y2)


class Annotation(Noun):
    """Everything said about one sample."""

    objects: tuple[Object, ...] = ()
    reviewed: Annotated[bool, Field(description="A person has looked at it.")] = True

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
