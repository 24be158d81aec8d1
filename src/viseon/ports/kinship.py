"""What belongs together, and where it went: the memory of splits."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from viseon.schema import Digest, Split

Home = tuple[str, int]
"""A session or camera, and the microsecond since 1970 (0 for a session)."""


class Kinship(Protocol):
    """Looks of files and homes of sessions, in the transaction it came from."""

    def unseen(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those whose look is not known."""
        ...

    def see(self, looks: Mapping[Digest, bytes]) -> None:
        """Remember perceptual hashes; empty for files that show nothing."""
        ...

    def looks(self, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        """The looks that are known and show something."""
        ...

    def looks_of(self, dataset: str, version: int) -> list[tuple[Digest, Split, bytes]]:
        """The looks of a version's files, with the split each is in."""
        ...

    def settle(self, dataset: str, homes: Mapping[Home, Split]) -> None:
        """Remember where sessions and moments went; earlier decisions stand."""
        ...

    def settled(self, dataset: str, key: str, since_us: int, until_us: int) -> dict[int, Split]:
        """The moments of a session or camera that have a home, bounds included."""
        ...

    def tallies(self, digests: Iterable[Digest]) -> dict[Digest, dict[str, int]]:
        """How many objects of each class annotations have."""
        ...

    def balance(self, dataset: str, version: int) -> dict[str, dict[str, int]]:
        """Objects of each class in each split of a version."""
        ...
