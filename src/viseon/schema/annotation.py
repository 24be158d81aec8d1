"""What people and models say is in a picture."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from viseon.schema.base import Noun, Time

Box = tuple[float, float, float, float]
"""`xyxy` in pixels of the sample."""


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
    class_name: str
    box: Box
    track_id: int | None = None
    attributes: dict[str, str | int | float | bool] = {}
    provenance: Provenance | None = None

    @field_validator("box")
    @classmethod
    def _ordered(cls, box: Box) -> Box:
        x1, y1, x2, y2 = box
        if not (x2 > x1 and y2 > y1):
            raise ValueError(f"box {box} is empty: x2 must exceed x1 and y2 exceed y1")
        return box


class Annotation(Noun):
    """Everything said about one sample."""

    objects: tuple[Object, ...] = ()
    reviewed: Annotated[bool, Field(description="A person has looked at it.")] = True
