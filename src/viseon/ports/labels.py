"""The memory of who said what about which sample."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from viseon.schema import Digest
from viseon.schema.label import LabelChange, LabelQuery, LabelState


class LabelHistory(Protocol):
    """Changes of one workspace in the order they happened, in the transaction it came from."""

    def append(self, changes: Iterable[LabelChange]) -> list[LabelChange]:
        """Store them, numbered on; they are never changed."""
        ...

    def find(
        self, dataset: str, query: LabelQuery, *, before: int | None = None, limit: int = 100
    ) -> list[LabelChange]:
        """Newest first; `before` is the smallest number already seen."""
        ...

    def trails(self, dataset: str, filenames: Iterable[str]) -> dict[str, list[LabelChange]]:
        """Everything that happened to these samples, oldest first."""
        ...

    def filenames(
        self, dataset: str, query: LabelQuery, *, after: str = "", limit: int = 1000
    ) -> list[str]:
        """The samples that have such changes, in filename order."""
        ...

    def states(self, dataset: str, filename: str) -> list[LabelState]:
        """What the sample's row said, oldest first; edits do not begin a new addition."""
        ...

    def forget(
        self, *, files: Sequence[Digest] = (), dataset: str = "", filenames: Sequence[str] = ()
    ) -> int:
        """Remove the changes of these bytes, or of a dataset, or of some samples of it.

        For erasure. Returns how many there were; the numbers of the others stay.
        """
        ...
