"""What was deleted, what was erased, and what a collection found."""

from typing import Annotated

from pydantic import Field

from viseon.schema.base import Digest, Noun, Time
from viseon.schema.dataset import Dataset

Seconds = Annotated[float, Field(ge=0)]


class Deleted(Noun):
    """A dataset that was deleted and can still be restored."""

    dataset: Dataset
    at: Time
    by: str
    forced: bool = False
    """Deleted although models learned from it: a collection may remove it for good."""


class Tombstone(Noun):
    """A file that was erased. Its bytes may never be stored again."""

    digest: Digest
    erasure: str
    """The id of the erasure."""
    source: Digest | None = None
    """The file it was made from, if that is why it went."""
    reason: str
    at: Time
    by: str


class Erasure(Noun):
    """One act of erasing: what went, who asked, and who had learned from it."""

    id: str
    reason: str
    at: Time
    by: str
    digests: tuple[Digest, ...]
    """The files that were asked for."""
    derived: tuple[Digest, ...] = ()
    """Files that recipes made from them, which went as well."""
    copies: tuple[Digest, ...] = ()
    """Blobs that repeated something of them: manifests, exported labels, health pages."""
    versions: tuple[str, ...] = ()
    """Versions that held one of them, as `name@number`."""
    models: tuple[str, ...] = ()
    """Models that learned from such a version, as `name@number`."""
    runs: tuple[str, ...] = ()
    """Runs that learned from such a version, by id; a model's run included."""
    done: bool = False
    """Every blob named here is gone; until then the next collection goes on."""
    scrubbed: bool = False
    """What the database's files held of it is overwritten too."""


class Collected(Noun):
    """What a collection removed, or would remove, and why the rest stays."""

    dry_run: bool
    grace_s: Seconds
    removed: int = 0
    """Blobs that nothing names."""
    removed_bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    reasons: dict[str, int] = {}
    """Kept blobs by the first reason that was found: `samples`, `events`, a noun, or `grace`."""
    examples: tuple[Digest, ...] = ()
    """The first of the removed blobs."""
    datasets: tuple[str, ...] = ()
    """Deleted datasets whose grace is over: removed for good."""
    guarded: dict[str, tuple[str, ...]] = {}
    """Deleted datasets that stay, and the models and runs that learned from them."""
    labels: int = 0
    """Annotations that no sample has any more."""
    looks: int = 0
    """Perceptual hashes of files that no sample has any more."""
    results: int = 0
    """Remembered recipe stages whose sources or pictures are gone."""
    temporary: int = 0
    """Files that dead writers left behind."""
