"""What changed between two versions, object by object."""

from typing import Literal

from viseon.schema.annotation import Box
from viseon.schema.base import Digest, Name, Noun
from viseon.schema.dataset import Change

ObjectKind = Literal["added", "removed", "reclassified", "renamed", "moved", "edited"]
"""`renamed` is a change of class that the list of classes explains; `edited` is anything else."""


class ObjectChange(Noun):
    """One object, or one class of a whole picture, that differs."""

    kind: ObjectKind
    id: str = ""
    """The object's, as it is now or last was; empty for a class of the whole picture."""
    old_class: str | None = None
    new_class: str | None = None
    old_box: Box | None = None
    new_box: Box | None = None
    shift_px: float = 0.0
    """How far the side that moved most moved."""
    fields: tuple[str, ...] = ()
    """What else differs, such as `polygons` or `attributes`."""


class SampleChange(Change):
    """One file that differs, and its objects that do."""

    objects: tuple[ObjectChange, ...] = ()


class ObjectCounts(Noun):
    """How many objects changed in which way."""

    added: int = 0
    removed: int = 0
    reclassified: int = 0
    renamed: int = 0
    moved: int = 0
    edited: int = 0
    nudged: int = 0
    """Boxes that moved too little to count as moved."""


class ClassChange(Noun):
    """What happened to the objects of a class; those that left it or came are in `between`."""

    name: str
    added: int = 0
    removed: int = 0
    moved: int = 0
    edited: int = 0
    left: int = 0
    """Objects that are of another class now."""
    joined: int = 0
    """Objects that were of another class."""


class Turn(Noun):
    """So many went from one class, or split, to another."""

    old: str
    new: str
    count: int


class ClassList(Noun):
    """How the list of classes changed; its order gives each class its `class_id`."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    """Old and new name of a class that kept its place."""
    reordered: bool = False


class Comparison(Noun):
    """What changed between two versions: files, objects, classes, splits."""

    dataset: Name
    old: int
    new: int | None
    """None is the working area."""
    old_fingerprint: Digest | None
    new_fingerprint: Digest | None
    moved_px: float
    """A box counts as moved when one of its sides moved by more."""
    files: dict[str, int]
    """Changed files by the weightiest of their changes, as in `Diff`."""
    objects: ObjectCounts
    classes: tuple[ClassChange, ...]
    """Those with any change, most first."""
    between: tuple[Turn, ...]
    """From class to class, most first."""
    class_list: ClassList
    splits: tuple[Turn, ...]
    """Files that are in another split now."""
    changes: tuple[SampleChange, ...]
    """The first changes in filename order; `next` pages on."""
    next: str | None = None


class DrawnComparison(Noun):
    """A comparison as one HTML page with pictures."""

    comparison: Comparison
    """The totals; its `changes` are those that are shown."""
    page: Digest
    """A blob."""
