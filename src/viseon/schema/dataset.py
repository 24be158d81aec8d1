"""Datasets, samples and frozen versions."""

from enum import StrEnum
from typing import Any, Literal

from viseon.schema.base import Digest, Name, Noun, Time


class Task(StrEnum):
    """What a model does with a picture."""

    DETECT = "detect"
    SEGMENT = "segment"
    POSE = "pose"
    OBB = "obb"
    CLASSIFY = "classify"


Split = Literal["train", "val", "test"]


class Dataset(Noun):
    """A named, growing collection of samples."""

    name: Name
    task: Task = Task.DETECT
    classes: tuple[str, ...] = ()
    """Class names; a class's position is its `class_id`."""
    head: int = 0
    """Number of the latest version; 0 before the first commit."""
    created: Time


class Sample(Noun):
    """One file of a dataset and, once labelled, its annotation."""

    filename: str
    """Unique in the dataset; `/` separates folders, Unicode NFC."""
    digest: Digest
    annotation: Digest | None = None
    """Digest of the canonical JSON of the sample's annotation."""
    split: Split | None = None
    width: int = 0
    height: int = 0
    metadata: dict[str, Any] = {}


class Version(Noun):
    """A dataset frozen at one moment. Never changes, so anything may refer to it."""

    dataset: Name
    number: int
    fingerprint: Digest
    """SHA-256 of the manifest: equal fingerprints mean equal data, labels and splits."""
    parent: Digest | None = None
    """Fingerprint of the version before it."""
    samples: int
    splits: dict[str, int]
    classes: tuple[str, ...]
    message: str = ""
    certificate: Digest | None = None
    created: Time
    created_by: str = ""
    tags: tuple[Name, ...] = ()


class Change(Noun):
    """One file that differs between two versions."""

    kind: Literal["added", "removed", "modified", "relabelled", "moved"]
    filename: str
    old: Digest | None = None
    new: Digest | None = None
    old_annotation: Digest | None = None
    new_annotation: Digest | None = None
    old_split: Split | None = None
    new_split: Split | None = None


class Diff(Noun):
    """What changed between two versions."""

    dataset: Name
    old: int
    new: int
    added: int
    removed: int
    modified: int
    relabelled: int
    moved: int
    changes: tuple[Change, ...]
    """The first changes in filename order; `next` pages on."""
    next: str | None = None
