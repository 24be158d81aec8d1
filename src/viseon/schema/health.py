"""What is good and bad about the samples and labels of a dataset."""

from typing import Literal

from viseon.schema.annotation import Box
from viseon.schema.base import Digest, Noun, Time

HealthKind = Literal[
    "missing",
    "empty",
    "corrupt",
    "oversized",
    "blank",
    "wrong-size",
    "duplicates",
    "near-duplicates",
    "leaks",
    "unlabelled",
    "null",
    "unknown-class",
    "out-of-bounds",
    "degenerate",
    "tiny",
    "doubled",
    "imbalance",
    "absent-class",
    "resolutions",
]


class HealthExample(Noun):
    """One place where a finding can be seen."""

    filenames: tuple[str, ...] = ()
    """One sample, or those that are alike."""
    digests: tuple[Digest, ...] = ()
    """Of the same samples."""
    box: Box | None = None
    detail: str = ""


class HealthFinding(Noun):
    """One kind of thing that was found, how often, and where to look."""

    kind: HealthKind
    severity: Literal["error", "warning", "note"]
    count: int
    """Samples, boxes, groups or classes, as `title` says."""
    title: str
    advice: str
    examples: tuple[HealthExample, ...] = ()
    """The first few; `count` says how many there are."""


class ClassCount(Noun):
    """How common a class is."""

    name: str
    objects: int
    samples: int
    splits: dict[str, int] = {}
    """Objects per split."""


class Resolution(Noun):
    """How many pictures are of one size."""

    width: int
    height: int
    samples: int


class Health(Noun):
    """Everything a look at each file and each label of a dataset said."""

    dataset: str
    version: int | None
    """None is the working area."""
    fingerprint: Digest | None = None
    created: Time
    samples: int
    bytes_read: int
    labelled: int
    objects: int
    near_threshold: int
    """Perceptual hashes that differ in at most so many of 128 bits count as near duplicates."""
    findings: tuple[HealthFinding, ...]
    """The gravest first."""
    classes: tuple[ClassCount, ...]
    resolutions: tuple[Resolution, ...]
    """The commonest twenty."""
    page: Digest | None = None
    """A blob with all of this as one HTML page with pictures."""
