"""The door for bytes: what was erased does not come in again."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from viseon.ports import BlobStore, Catalog, DirectBlobs, LocalBlobs
from viseon.schema import Digest, Forbidden, NotFound, Tombstone, digest_of


def guarded(blobs: BlobStore, catalog: Catalog) -> BlobStore:
    """The same store for callers from outside: storing erased bytes is a Forbidden."""
    if isinstance(blobs, DirectBlobs):
        return _GuardedDirect(blobs, catalog)
    if isinstance(blobs, LocalBlobs):
        return _GuardedLocal(blobs, catalog)
    return _Guarded(blobs, catalog)


def refuse_erased(catalog: Catalog, digest: Digest) -> None:
    """Raises Forbidden that says when, by whom and why it was erased."""
    found = _tombstone(catalog, digest)
    if found is not None:
        raise Forbidden(f"{_said(found)}; it must not come back", fix="leave it out")


class _Guarded:
    """Looks at the digest before anything is stored."""

    def __init__(self, inner: BlobStore, catalog: Catalog) -> None:
        self._inner = inner
        self._catalog = catalog

    def put(self, data: bytes) -> Digest:
        refuse_erased(self._catalog, digest_of(data))
        return self._inner.put(data)

    def add(self, path: Path) -> Digest:
        refuse_erased(self._catalog, _digest(path))
        return self._inner.add(path)

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        """Files are read twice only where something was ever erased."""
        with self._catalog.read() as records:
            erased = records.remains.erased()
        yield from self._inner.add_many(self._checked(paths, erased) if erased else paths)

    def _checked(self, paths: Iterable[Path], erased: set[Digest]) -> Iterator[Path]:
        for path in paths:
            if (digest := _digest(path)) in erased and (found := _tombstone(self._catalog, digest)):
                raise Forbidden(f"{path}: {_said(found)}; it must not come back", fix="remove it")
            yield path

    def get(self, digest: Digest) -> bytes:
        with self._explained(digest):
            return self._inner.get(digest)

    def open(self, digest: Digest) -> BinaryIO:
        with self._explained(digest):
            return self._inner.open(digest)

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        return self._inner.missing(digests)

    def delete(self, digest: Digest) -> None:
        self._inner.delete(digest)

    def __contains__(self, digest: object) -> bool:
        return digest in self._inner

    @contextmanager
    def _explained(self, digest: Digest) -> Iterator[None]:
        """Whoever looks for erased bytes is told why they are not there."""
        try:
            yield
        except NotFound as error:
            found = _tombstone(self._catalog, digest)
            raise error if found is None else NotFound(_said(found)) from None


class _GuardedLocal(_Guarded):
    """Lets files be used where they lie."""

    _inner: LocalBlobs

    def path(self, digest: Digest) -> Path:
        with self._explained(digest):
            return self._inner.path(digest)


class _GuardedDirect(_Guarded):
    """Gives no address for erased bytes, nor accepts them."""

    _inner: DirectBlobs

    def presign_put(self, digest: Digest, size: int) -> str | None:
        refuse_erased(self._catalog, digest)
        return self._inner.presign_put(digest, size)

    def presign_get(self, digest: Digest) -> str:
        return self._inner.presign_get(digest)

    def accept(self, digest: Digest) -> None:
        refuse_erased(self._catalog, digest)
        self._inner.accept(digest)


def _tombstone(catalog: Catalog, digest: Digest) -> Tombstone | None:
    with catalog.read() as records:
        return records.seek(Tombstone, digest)


def _said(found: Tombstone) -> str:
    when = f"{found.at:%Y-%m-%d}"
    return f"file {found.digest[:12]}… was erased by {found.by} on {when} ({found.reason})"


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
