"""Datasets, samples and frozen versions."""

import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeInt

from viseon.schema.annotation import Annotation
from viseon.schema.base import Digest, Name, Noun, Time, canonical_json, canonical_text, digest_of


class Task(StrEnum):
    """What a model does with a picture."""

    DETECT = "detect"
    SEGMENT = "segment"
    POSE = "pose"
    OBB = "obb"
    CLASSIFY = "classify"


Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")


_BROKEN = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")
_NOWHERE = re.compile(r"(?:^|/)\.{0,2}(?:/|$)")


def _filename(name: str) -> str:
    name = name if name.isascii() else unicodedata.normalize("NFC", name)
    if _NOWHERE.search(name):
        raise ValueError(f"{name!r} must be a relative path without '.', '..' or empty parts")
    if _BROKEN.search(name):
        raise ValueError(f"{name!r} holds a control character, a backslash or broken Unicode")
    if len(name) > 255 and len(name.encode()) > 1024:
        raise ValueError("is longer than 1024 bytes")
    return name


Filename = Annotated[str, AfterValidator(_filename)]
"""A relative path, `/` between folders, Unicode NFC; safe to create below any folder."""

Ratios = dict[Split, Annotated[float, Field(ge=0)]]
"""How the samples should spread over the splits; only the proportions matter."""


_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", re.ASCII)


def moment_of(value: Any) -> datetime | None:
    """The time that a piece of metadata says: ISO 8601 that begins with a date; UTC if zoneless.

    None for anything else.
    """
    if not isinstance(value, str) or len(value) > 64 or not _MOMENT.fullmatch(value):  # noqa: PLR2004
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _key(key: str) -> str:
    plain = key.isprintable() and key == key.strip() and "" not in key.split(".")
    if not plain or key.startswith("@") or '"' in key or "\\" in key or len(key) > 200:  # noqa: PLR2004
        raise ValueError(
            f"{key!r} must be printable, without quotes, backslashes, a leading @ or empty parts"
        )
    return key


Key = Annotated[str, AfterValidator(_key)]
"""A key of a sample's metadata that can be searched; a dot leads into what is nested."""

FieldType = Literal["text", "number", "boolean", "time", "date", "choice"]


class CustomField(Noun):
    """What samples may say under one key of their metadata."""

    type: FieldType
    """`time` is ISO 8601 with a date, such as `2030-01-01T22:00:00Z`; without zone it is UTC.

    `date` is such as `2030-01-31`.
    """
    choices: tuple[str, ...] = ()
    """What a `choice` may be."""


class Dataset(Noun):
    """A named, growing collection of samples."""

    name: Name
    task: Task = Task.DETECT
    classes: tuple[str, ...] = ()
    """Class names; a class's position is its `class_id`."""
    ratios: Ratios = {"train": 0.7, "val": 0.2, "test": 0.1}
    near: Annotated[int, Field(ge=0, lt=64)] | None = None
    """Files whose perceptual hashes differ in at most so many of 128 bits stay in one split.

    None: only equal bytes and capture sessions are kept together.
    """
    gap_s: Annotated[float, Field(ge=0)] = 30.0
    """Frames of one camera that follow within so many seconds are one capture session."""
    head: int = 0
    """Number of the latest version; 0 before the first commit."""
    fields: dict[str, CustomField] = {}
    """Custom fields by metadata key: samples that break one are refused."""
    created: Time


class View(Noun):
    """An expression over a dataset's samples, kept under a name."""

    dataset: Name
    name: Name
    where: str
    description: str = ""
    created: Time
    """When it was last saved."""
    created_by: str = ""


class Sample(Noun):
    """One file of a dataset and, once labelled, its annotation."""

    filename: Filename
    """Unique in the dataset."""
    digest: Digest
    annotation: Digest | None = None
    """Digest of the canonical JSON of the sample's annotation (see `Annotation.content`)."""
    split: Split | None = None
    """None until the first commit decides, unless whoever added it asked for one."""
    width: NonNegativeInt = 0
    height: NonNegativeInt = 0
    metadata: dict[str, Any] = {}
    """Such as `camera_id`, `captured_at`, `tags`; `session` groups what belongs together."""
    erased: bool = False
    """Its bytes, labels, metadata and real name were erased: what is left is a tombstone."""

    @property
    def line(self) -> str:
        """Its line of a manifest: canonical JSON of everything that was set."""
        if not (self.annotation or self.metadata or self.erased):
            sizes = self.width, self.height
            return "{" + plain_members(self.filename, self.digest, self.split, *sizes) + "}"
        return canonical_json(self.model_dump(mode="json", exclude_defaults=True)).decode()


def plain_members(
    filename: str, digest: Digest, split: str | None, width: int, height: int, *, between: str = ""
) -> str:
    """What canonical JSON says of a sample without labels and metadata: most are.

    It takes a tenth of the time that it takes for any. `between` are members, each followed by a
    comma, that sort after `height` and before `split`.
    """
    said = f'"digest":"{digest}","filename":{canonical_text(filename)},'
    said += f'"height":{height},' if height else ""
    said += between
    said += f'"split":"{split}",' if split else ""
    said += f'"width":{width},' if width else ""
    return said[:-1]


class Row(Noun):
    """One line of an upload: a sample whose annotation may be spelled out."""

    filename: Filename
    digest: Digest
    annotation: Annotation | Digest | None = None
    """None keeps what the sample has; an empty annotation says that there is nothing in it."""
    split: Split | None = None
    width: NonNegativeInt = 0
    height: NonNegativeInt = 0
    metadata: dict[str, Any] = {}


class Added(Noun):
    """What an addition came to."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0


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
    task: Task = Task.DETECT
    classes: tuple[str, ...]
    message: str = ""
    certificate: Digest | None = None
    quarantined: int = 0
    """Newcomers left out because they would have joined two splits."""
    created: Time
    created_by: str = ""
    tags: tuple[Name, ...] = ()
    erased: int = 0
    """How many of its samples were erased since it was committed."""
    effective_fingerprint: Digest | None = None
    """SHA-256 of the manifest with tombstones in place of erased samples; None without any."""

    @property
    def manifest(self) -> Digest:
        """SHA-256 of its manifest as it is now: the fingerprint, unless something was erased."""
        return self.effective_fingerprint or self.fingerprint

    @property
    def ref(self) -> str:
        """`name@number`."""
        return f"{self.dataset}@{self.number}"


class Quarantined(Noun):
    """A newcomer that no split may have."""

    filename: str
    why: str


class Crossing(Noun):
    """Two files in different splits, and how alike they are."""

    one: Digest
    one_split: Split
    other: Digest
    other_split: Split
    bits: int
    """Of 128, in which their perceptual hashes differ."""


class Certificate(Noun):
    """What was checked when a version was frozen, so that nothing crosses from split to split."""

    dataset: Name
    number: int
    fingerprint: Digest
    """The version it speaks about: another byte, label or split, another fingerprint."""
    rules: tuple[str, ...]
    near: int | None
    """Perceptual hashes that differ in at most so many of 128 bits count as the same picture."""
    gap_s: float
    splits: dict[str, int]
    ratios: dict[str, float]
    """What was asked for, as shares of 1."""
    balance: dict[str, dict[str, int]]
    """Objects of each class in each split."""
    compared: int
    """Different files whose looks were compared; the others show nothing or are no pictures."""
    crossing: int = 0
    """Pairs that the rules forbid; 0, or there would be no version."""
    nearest: Crossing | None = None
    """The most alike pair across splits; None when none is within `NEAREST` bits."""
    quarantined: tuple[Quarantined, ...] = ()
    """Newcomers left out, the first thousand."""

    @property
    def digest(self) -> Digest:
        """SHA-256 of its canonical JSON."""
        return digest_of(canonical_json(self))


class Change(Noun):
    """One file that differs between two versions."""

    kind: Literal["added", "removed", "modified", "relabelled", "moved", "described"]
    """The weightiest of its changes: other bytes, other annotation, other split, other metadata."""
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
    new: int | None
    """None is the working area."""
    added: int
    removed: int
    modified: int
    relabelled: int
    moved: int
    described: int = 0
    changes: tuple[Change, ...]
    """The first changes in filename order; `next` pages on."""
    next: str | None = None
