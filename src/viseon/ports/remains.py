"""Who names which bytes, and what is left when nobody does."""

from collections.abc import Iterable, Iterator, Set
from typing import NamedTuple, Protocol

from viseon.schema import Digest


class Affected(NamedTuple):
    """A version that held erased files, and how many of its rows became tombstones."""

    dataset: str
    number: int
    rows: int


class Remains(Protocol):
    """The other direction of every reference of a workspace, in the transaction it came from."""

    def deeds(self) -> int:
        """The number of the last audit record: it grows with every write but bookkeeping."""
        ...

    def nouns(self) -> Iterator[tuple[str, str, str]]:
        """Kind, key and JSON of every noun there is."""
        ...

    def events(self) -> Iterator[str]:
        """Every event as JSON."""
        ...

    def used(self, digests: Iterable[Digest], *, without: Set[str] = frozenset()) -> set[Digest]:
        """Those that rows of any version or working area name; tombstones name nothing.

        `without` leaves datasets out.
        """
        ...

    def contents(self, dataset: str, filename: str) -> set[Digest]:
        """Everything that was ever kept under this name in the dataset."""
        ...

    def made(self) -> Iterator[tuple[Digest, Set[Digest]]]:
        """Files whose rows say that a recipe made them, and from which; each row for itself."""
        ...

    def holders(self, digests: Iterable[Digest]) -> list[Affected]:
        """The versions that hold any of these files."""
        ...

    def erased(self) -> set[Digest]:
        """Every file with a tombstone."""
        ...

    def erase(self, digests: Iterable[Digest]) -> None:
        """Make tombstones of rows of versions, and take rows out of working areas.

        Looks of these files go too, and annotations that no other file has.
        """
        ...

    def drop_rows(self, dataset: str) -> None:
        """Forget a dataset's rows, those of its versions included."""
        ...

    def drop_labels(
        self,
        *,
        but: Set[Digest] = frozenset(),
        without: Set[str] = frozenset(),
        dry_run: bool = False,
    ) -> int:
        """Forget annotations that no row names, `but` those; returns how many there were."""
        ...

    def drop_looks(self, *, without: Set[str] = frozenset(), dry_run: bool = False) -> int:
        """Forget looks of files that no row names; returns how many there were."""
        ...
