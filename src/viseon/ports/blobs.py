"""Where bytes live."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Protocol

from viseon.schema import Digest


class BlobStore(Protocol):
    """Bytes by the digest of their content, within one workspace."""

    def put(self, data: bytes) -> Digest:
        """Store `data`; storing it again is free and returns the same digest."""
        ...

    def add(self, path: Path) -> Digest:
        """Store a file's bytes without holding them in memory."""
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
