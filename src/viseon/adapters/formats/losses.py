"""What a format cannot say: refused by name, or left out when asked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Noun, Object

_FIELDS = {
    "rotated": "a rotated box",
    "polygons": "polygons",
    "mask": "a mask",
    "keypoints": "keypoints",
    "track_id": "a track id",
    "attributes": "attributes",
}
_EMPTY: Mapping[str, Any] = {
    "rotated": None,
    "polygons": (),
    "mask": None,
    "keypoints": (),
    "track_id": None,
}
EVERYTHING = frozenset(_FIELDS)


class Drops(Noun):
    """What to do, when writing, with what the layout cannot say."""

    drop: Annotated[
        bool, Field(description="Leave out what it cannot say; otherwise that is refused by name.")
    ] = False


@dataclass(frozen=True, slots=True)
class Says:
    """What a format can say about a picture and its objects."""

    format: str
    fields: Collection[str] = ()
    """Fields of an object besides class and box."""
    attributes: Collection[str] = ()
    """Names of attributes, where it knows only some; `attributes` in `fields` means any."""
    classes: bool = False
    """Classes of the whole picture."""
    unreviewed: bool = False
    """That nobody has looked at the labels yet."""
    hint: str = "the format 'coco' keeps everything"

    def fitted(self, file: LabelledFile, *, drop: bool) -> Annotation | None:
        """The annotation, less what cannot be said. Raises Invalid naming it, unless `drop`."""
        found = file.annotation
        if found is None:
            return None
        if not (found.reviewed or self.unreviewed or drop):
            raise self.refused(file, "nobody has reviewed its labels")
        objects = tuple(self._object(file, n, o, drop) for n, o in enumerate(found.objects, 1))
        classes = found.classes
        if classes and not self.classes:
            if not drop:
                raise self.refused(file, f"the picture is a {classes[0]!r}")
            classes = ()
        return Annotation(objects=objects, classes=classes, reviewed=found.reviewed)

    def refused(self, file: LabelledFile, what: str) -> Invalid:
        """The error that says what would be lost."""
        return Invalid(
            f"{file.filename}: {what}, which {self.format} cannot say",
            fix=f"--set drop=true leaves it out; {self.hint}",
        )

    def _object(self, file: LabelledFile, number: int, thing: Object, drop: bool) -> Object:
        lost = [f for f in _FIELDS if getattr(thing, f) and f not in self.fields]
        if thing.track_id == 0 and "track_id" not in self.fields:
            lost.append("track_id")
        kept = {k: v for k, v in thing.attributes.items() if k in self.attributes}
        if "attributes" in lost and kept == thing.attributes:
            lost.remove("attributes")
        if not lost:
            return thing
        if not drop:
            names = " and ".join(_FIELDS[f] for f in lost)
            raise self.refused(file, f"object {number} ({thing.class_name!r}) has {names}")
        more = {"attributes": kept} if "attributes" in lost else {}
        return thing.model_copy(update={f: _EMPTY[f] for f in lost if f in _EMPTY} | more)
