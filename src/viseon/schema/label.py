"""Who said what about a sample, when, and what of it was taken back."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from viseon.schema.annotation import Annotation, Object
from viseon.schema.base import Digest, Name, Noun, Time, canonical_json

Source = Literal["person", "model", "import"]

Value = Object | tuple[str, ...] | bool
"""What a part of an annotation is: an object, the picture's classes, or whether it was reviewed."""

PartKind = Literal["object", "classes", "reviewed"]

Part = tuple[PartKind, str]
"""A part of an annotation; the second is the object's id, empty for the picture as a whole."""

CLASSES: Part = ("classes", "")
REVIEWED: Part = ("reviewed", "")


def spelled(value: Value | None) -> str | None:
    """The canonical JSON of a part: equal texts mean equal labels."""
    if value is None:
        return None
    if isinstance(value, Object):
        plain: Any = value.model_dump(mode="json", exclude_defaults=True, exclude={"provenance"})
        return canonical_json(plain).decode()
    return canonical_json(value).decode()


class LabelChange(Noun):
    """One part of one sample's annotation became something else. Never changes afterwards."""

    number: int = 0
    """Grows with every change of the workspace; 0 until it is stored."""
    dataset: Name
    filename: str
    file: Digest
    """The bytes that were looked at."""
    part: PartKind
    object: str = ""
    """The object's id; empty for the picture as a whole."""
    old: Value | None
    """None when there was none."""
    new: Value | None
    """None when it was removed."""
    before: Digest | None
    """The sample's annotation before the edit that this change belongs to."""
    after: Digest | None
    by: str
    at: Time
    session: str = ""
    source: Source = "person"
    model: str = ""
    score: float | None = None
    undoes: int | None = None
    """Set for a revert: changes of this part from that number on are taken back."""

    @property
    def key(self) -> Part:
        """The part that changed."""
        return self.part, self.object


class LabelQuery(Noun):
    """Which changes; all that is given must hold."""

    filename: str = ""
    object: str = ""
    by: str = ""
    session: str = ""
    model: str = ""
    since: Time | None = None
    until: Time | None = None

    def includes(self, change: LabelChange) -> bool:
        """Whether a change is meant."""
        return (
            all(
                not wanted or wanted == has
                for wanted, has in (
                    (self.filename, change.filename),
                    (self.object, change.object),
                    (self.by, change.by),
                    (self.session, change.session),
                    (self.model, change.model),
                )
            )
            and (self.since is None or change.at >= self.since)
            and (self.until is None or change.at < self.until)
        )


class LabelEdit(Noun):
    """What to change: the whole annotation, or some of its parts."""

    annotation: Annotation | None = None
    """Everything there is to say; objects that were there keep their place."""
    put: tuple[Object, ...] = ()
    """New objects, and objects to replace by id. `provenance.score` is a model's score."""
    remove: tuple[str, ...] = ()
    """Ids of objects; those that are gone already are fine."""
    classes: tuple[str, ...] | None = None
    """What the picture as a whole shows."""
    reviewed: bool | None = None
    """A person has looked at it; when left out, new pictures count as reviewed by persons."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        parts = self.put or self.remove or self.classes is not None or self.reviewed is not None
        if self.annotation is not None and parts:
            raise ValueError("give either the whole annotation or parts of it, not both")
        ids = [thing.id for thing in self.put]
        twice = [id for id in ids if ids.count(id) > 1 or id in self.remove]
        if twice:
            raise ValueError(f"object {twice[0]!r} is named twice")
        return self


class LabelState(Noun):
    """What a bulk addition or a version said of a file, for as long as it held."""

    since: int
    """The first version that has it."""
    until: int | None
    """The first version that has not; None while it holds."""
    file: Digest
    annotation: Digest | None
    by: str = ""
    at: Time | None = None
    operation: str = ""
    """What brought the file, such as `datasets.add`."""


class Blame(Noun):
    """Where a part of an annotation comes from."""

    part: PartKind
    object: str = ""
    class_name: str = ""
    by: str
    at: Time | None
    source: Source
    model: str = ""
    score: float | None = None
    session: str = ""
    number: int | None = None
    """The change in the history; None for what came with an import or an addition."""
    version: int | None = None
    """For what came with an import: the first version that has it, or will have it."""


class Labelled(Noun):
    """A sample's annotation with provenance filled in."""

    dataset: Name
    filename: str
    file: Digest
    width: int
    height: int
    digest: Digest | None
    """What `expected` of an edit refers to; None while nothing is said."""
    annotation: Annotation | None
    blame: tuple[Blame, ...]
    """One entry for each object, then those for the picture as a whole."""


class Edited(Noun):
    """What an edit came to."""

    digest: Digest | None
    """The sample's annotation now."""
    changed: int
    """Parts that changed; 0 when everything was so already."""


class Kept(Noun):
    """A change that was not taken back."""

    change: LabelChange
    by: str = ""
    """Who changed the same part later; empty for an import or another operation on the dataset."""
    at: Time | None = None
    why: str


class Reverted(Noun):
    """What a revert takes back, or would take back."""

    dry_run: bool
    samples: int
    """How many samples it changes."""
    changed: int
    """How many parts of annotations it changes."""
    conflicts: int
    """How many changes are kept because the same part was changed later by something else."""
    changes: tuple[LabelChange, ...] = Field(default=())
    """The first thousand."""
    kept: tuple[Kept, ...] = ()
    """The first thousand."""
