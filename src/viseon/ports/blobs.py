"""Where bytes live."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from viseon.schema import Digest


class BlobStore(Protocol):
    """Bytes by the digest of their content, within one workspace."""

    def put(self, data: bytes) -> Digest:
        """Store `data`; storing it again is free and returns the same digest."""
        ...

    def add(self, path: Path) -> Digest:
        """Store a file's bytes without holding them in memory."""
        ...

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        """Store many files; their digests in order, each once its bytes are safe.

        Cheaper than one by one; bytes that are there already do not travel.
        """
        ...

    def get(self, digest: Digest) -> bytes:
        """The bytes. Raises NotFound; never returns bytes with another digest."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream. Raises NotFound."""
        ...

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those that are not stored, each once, in the order given."""
        ...

    def delete(self, digest: Digest) -> None:
        """Forget the bytes; forgetting twice is fine."""
        ...

    def __contains__(self, digest: object) -> bool: ...


RENEWED_S = 3600
"""How late a store may be in noticing that bytes it has were stored or asked for again."""


class Stored(NamedTuple):
    """One blob of a store."""

    digest: Digest
    size: int
    """Bytes it takes in the store."""
    at: float
    """When it was last stored or asked for (`put`, `in`), in seconds since 1970."""


@runtime_checkable
class CountedBlobs(BlobStore, Protocol):
    """A store that knows everything in it, so that what nobody needs can be found."""

    def stored(self) -> Iterator[Stored]:
        """Every blob there is, in no order."""
        ...

    def stored_at(self, digest: Digest) -> float | None:
        """When it was last stored or asked for, in seconds since 1970; None if it is not there."""
        ...

    def sweep(self) -> int:
        """Delete what writers left behind that died a day ago or earlier; returns how much."""
        ...


@runtime_checkable
class RawBlobs(BlobStore, Protocol):
    """A store that also keeps bytes under names they do not hash to, as encryption needs."""

    def keep(self, name: Digest, path: Path) -> None:
        """Store a file's bytes under `name`, whatever they are; an earlier content is replaced."""
        ...

    def raw(self, name: Digest) -> BinaryIO:
        """What was kept, unverified and seekable. Raises NotFound."""
        ...

    def digests(self) -> Iterator[Digest]:
        """Every name there is, in no order."""
        ...


@runtime_checkable
class LocalBlobs(BlobStore, Protocol):
    """A store whose bytes lie on this machine's disk as they are."""

    def path(self, digest: Digest) -> Path:
        """The read-only file that holds the bytes, unverified. Raises NotFound."""
        ...


@runtime_checkable
class DirectBlobs(BlobStore, Protocol):
    """A store that clients can reach by themselves, so that bytes need not pass the server."""

    def presign_put(self, digest: Digest, size: int) -> str | None:
        """Where to HTTP PUT these bytes within the hour; None if they are too many for one PUT.

        They count as stored only after `accept`.
        """
        ...

    def presign_get(self, digest: Digest) -> str:
        """Where to HTTP GET these bytes within the hour. Raises NotFound."""
        ...

    def accept(self, digest: Digest) -> None:
        """Store what was uploaded to a `presign_put`, once verified.

        Raises NotFound when nothing was, Failed when the bytes have another digest.
        """
        ...
