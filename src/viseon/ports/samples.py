"""Where the rows of datasets and versions live, in bulk."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from viseon.ports.where import Where
from viseon.schema import Added, Annotation, Change, Digest, Sample, Split


class Samples(Protocol):
    """The rows of one workspace; every call belongs to the transaction it came from.

    The working area is what the next version will hold.
    """

    def add(self, dataset: str, samples: Iterable[Sample]) -> Added:
        """Put into the working area; the same filename replaces.

        What a replacement leaves open is kept: its split, and its annotation, size and metadata
        as long as the bytes are the same.
        """
        ...

    def relabel(self, dataset: str, annotations: Mapping[str, Digest | None]) -> None:
        """Give samples of the working area other annotations by filename, or none.

        Everything else stays, and so does who brought the sample. Raises NotFound.
        """
        ...

    def describe(self, dataset: str, metadata: Mapping[str, Mapping[str, Any]]) -> None:
        """Give samples of the working area other metadata by filename: all of it, not a part.

        Everything else stays, and so does who brought the sample. Raises NotFound.
        """
        ...

    def remove(self, dataset: str, filenames: Iterable[str]) -> int:
        """Take out of the working area. Returns how many were there."""
        ...

    def get(self, dataset: str, filename: str, *, version: int | None = None) -> Sample:
        """One row. Raises NotFound."""
        ...

    def some(
        self, dataset: str, filenames: Iterable[str], *, version: int | None = None
    ) -> list[Sample]:
        """Those rows of the named ones that are there, in filename order."""
        ...

    def page(
        self,
        dataset: str,
        *,
        version: int | None = None,
        after: str = "",
        limit: int = 100,
        where: Where | None = None,
    ) -> list[Sample]:
        """In filename (codepoint) order; the working area when `version` is None."""
        ...

    def rows(self, dataset: str, *, version: int | None = None) -> Iterator[Sample]:
        """All of them, in filename order, without holding them in memory."""
        ...

    def lines(self, dataset: str, *, version: int | None = None) -> Iterator[bytes]:
        """The samples' manifest lines in filename order, many lines to a chunk."""
        ...

    def count(
        self, dataset: str, *, version: int | None = None, where: Where | None = None
    ) -> dict[str, int]:
        """How many rows each split has; those without one under ""."""
        ...

    def keys(self, dataset: str) -> list[str]:
        """Every metadata key that a sample of any version has, or what follows from it."""
        ...

    def pending(self, dataset: str) -> Iterator[Sample]:
        """Rows of the working area that the head does not have, in filename order."""
        ...

    def assign(self, dataset: str, splits: Mapping[str, Split]) -> None:
        """Set the split of pending rows by filename."""
        ...

    def hold(self, dataset: str, filenames: Iterable[str]) -> None:
        """Leave pending rows out of the next version; they wait in the working area."""
        ...

    def homes(self, dataset: str, digests: Iterable[Digest]) -> dict[Digest, Split]:
        """In which split these bytes are, or last were, in any version of the dataset."""
        ...

    def freeze(self, dataset: str, version: int) -> None:
        """Make the working area the rows of `version`; costs what changed, not what exists."""
        ...

    def changes(
        self, dataset: str, old: int, new: int | None, *, after: str = "", limit: int | None = None
    ) -> Iterator[Change]:
        """What differs, in filename order; `new` None compares with the working area."""
        ...

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        """Store annotations under their digests; storing again is free."""
        ...

    def annotations(self, digests: Iterable[Digest]) -> dict[Digest, Annotation]:
        """Annotations by digest. Raises NotFound when one is not stored."""
        ...
