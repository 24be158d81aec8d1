"""Where the rows of datasets and versions live, in bulk."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from viseon.schema import Change, Sample


class Samples(Protocol):
    """The rows of one workspace; every call belongs to the transaction it came from."""

    def add(self, dataset: str, samples: Iterable[Sample]) -> None:
        """Put into the working area; the same filename replaces."""
        ...

    def remove(self, dataset: str, filenames: Iterable[str]) -> None:
        """Take out of the working area."""
        ...

    def page(
        self, dataset: str, *, version: int | None = None, after: str = "", limit: int = 100
    ) -> list[Sample]:
        """In filename (codepoint) order; the working area when `version` is None."""
        ...

    def rows(self, dataset: str, *, version: int | None = None) -> Iterator[Sample]:
        """All of them, in filename order, without holding them in memory."""
        ...

    def freeze(self, dataset: str, version: int) -> None:
        """Make the working area the rows of `version`; costs what changed, not what exists."""
        ...

    def changes(
        self, dataset: str, old: int, new: int | None, *, after: str = "", limit: int | None = None
    ) -> Iterator[Change]:
        """What differs, in filename order; `new` None compares with the working area."""
        ...
