"""BlobStore in a dict, for tests and demos."""

import io
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from viseon.ports import Stored
from viseon.schema import Digest, NotFound, digest_of


class MemoryBlobs:
    """Forgets everything when the process ends."""

    def __init__(self) -> None:
        self._data: dict[Digest, bytes] = {}
        self._at: dict[Digest, float] = {}

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        self._data[digest] = bytes(data)
        self._at[digest] = time.time()
        return digest

    def add(self, path: Path) -> Digest:
        return self.put(path.read_bytes())

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        yield from map(self.add, paths)

    def get(self, digest: Digest) -> bytes:
        try:
            return self._data[digest]
        except KeyError:
            raise NotFound(f"no blob {digest[:12]}…") from None

    def open(self, digest: Digest) -> BinaryIO:
        return io.BytesIO(self.get(digest))

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        return [d for d in dict.fromkeys(digests) if d not in self._data]

    def delete(self, digest: Digest) -> None:
        self._data.pop(digest, None)

    def keep(self, name: Digest, path: Path) -> None:
        self._data[name] = path.read_bytes()
        self._at[name] = time.time()

    def raw(self, name: Digest) -> BinaryIO:
        return io.BytesIO(self.get(name))

    def digests(self) -> Iterator[Digest]:
        yield from list(self._data)

    def stored(self) -> Iterator[Stored]:
        yield from (Stored(d, len(data), self._at[d]) for d, data in list(self._data.items()))

    def stored_at(self, digest: Digest) -> float | None:
        return self._at[digest] if digest in self._data else None

    def sweep(self) -> int:
        return 0

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, str) or digest not in self._data:
            return False
        self._at[digest] = time.time()
        return True
