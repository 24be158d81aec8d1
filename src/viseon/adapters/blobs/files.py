"""BlobStore on a local disk."""

import errno
import hashlib
import io
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from viseon.adapters.blobs.stage import can_sync_everything, renewed, sync_everything
from viseon.adapters.blobs.stagers import Stagers
from viseon.ports import Stored
from viseon.schema import Busy, Digest, Failed, Invalid, NotFound

CHUNK = 1 << 20
STALE_S = 24 * 3600
"""A temporary file older than this belongs to a process that died."""

_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch


class FileBlobs:
    """`root/ab/cdef…`, read-only files under the digest of what is in them; a root per workspace.

    Bytes go to a temporary file first, reach the disk, and only then get their name: a crash at
    any moment leaves whole blobs and nothing else that can be read. Thread-safe.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._shards: set[Path] = set()

    def put(self, data: bytes) -> Digest:
        digest = hashlib.sha256(data).hexdigest()
        if not renewed(self._path(digest)):
            with self._incoming() as (file, name):
                file.write(data)
                name(digest)
        return digest

    def add(self, path: Path) -> Digest:
        with path.open("rb") as source:
            head = source.read(CHUNK)
            if len(head) < CHUNK:
                return self.put(head)
            hasher = hashlib.sha256()
            with self._incoming() as (file, name):
                while head:
                    hasher.update(head)
                    file.write(head)
                    head = source.read(CHUNK)
                digest = hasher.hexdigest()
                name(digest)
        return digest

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        if not can_sync_everything():
            yield from map(self.add, paths)
            return
        self._folder(self._root / "tmp", sync=False)
        named: list[Digest] = []
        behind = False  # a name may not have reached the disk
        with _explained(), Stagers(self._root) as stagers:
            for staged, synced in stagers.batches(paths):
                if behind or not synced:
                    sync_everything(self._root)  # contents before names
                yield from named
                stagers.name(staged)
                named = [digest for digest, _ in staged]
                behind = not synced
        sync_everything(self._root)
        yield from named

    def get(self, digest: Digest) -> bytes:
        with self._raw(digest) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(digest)
        return data

    def open(self, digest: Digest) -> BinaryIO:
        return io.BufferedReader(_Verified(self._raw(digest), digest), CHUNK)

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        root = str(self._root)
        asked = {d: _place(root, d) for d in digests}
        return [digest for digest, name in asked.items() if not renewed(name)]

    def delete(self, digest: Digest) -> None:
        self._path(digest).unlink(missing_ok=True)

    def keep(self, name: Digest, path: Path) -> None:
        with path.open("rb") as source, self._incoming() as (file, finish):
            while chunk := source.read(CHUNK):
                file.write(chunk)
            finish(name)

    def raw(self, name: Digest) -> BinaryIO:
        return io.BufferedReader(self._raw(name), CHUNK)

    def path(self, digest: Digest) -> Path:
        """Where the bytes lie, for whoever can use a file directly. Raises NotFound."""
        path = self._path(digest)
        if not path.exists():
            raise NotFound(f"no blob {digest[:12]}…")
        return path

    def digests(self) -> Iterator[Digest]:
        """Every blob there is, in no order."""
        if self._root.is_dir():
            for shard in self._root.iterdir():
                if len(shard.name) == 2:
                    yield from (shard.name + entry.name for entry in os.scandir(shard))

    def stored(self) -> Iterator[Stored]:
        for digest in self.digests():
            try:
                found = self._path(digest).stat()
            except FileNotFoundError:
                continue
            yield Stored(digest, found.st_size, found.st_mtime)

    def stored_at(self, digest: Digest) -> float | None:
        try:
            return self._path(digest).stat().st_mtime
        except FileNotFoundError:
            return None

    def sweep(self) -> int:
        """Delete temporary files of processes that died; returns how many."""
        swept = 0
        for path in (self._root / "tmp").glob("*"):
            try:
                if time.time() - path.stat().st_mtime > STALE_S:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                continue  # its owner finished meanwhile
        return swept

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, str) and renewed(self._name_of(digest))

    def _path(self, digest: Digest) -> Path:
        return Path(self._name_of(digest))

    def _name_of(self, digest: Digest) -> str:
        return _place(str(self._root), digest)

    def _raw(self, digest: Digest) -> io.FileIO:
        try:
            return io.FileIO(self._path(digest))
        except FileNotFoundError:
            raise NotFound(f"no blob {digest[:12]}…") from None

    @contextmanager
    def _incoming(self) -> Iterator[tuple[BinaryIO, Callable[[Digest], None]]]:
        """A temporary file, and the function that gives it its name once all is written."""
        folder = self._root / "tmp"
        self._folder(folder)
        path = folder / secrets.token_hex(16)
        try:
            with _explained(), path.open("xb") as file:
                yield file, lambda digest: self._name(file, path, digest)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _name(self, file: BinaryIO, path: Path, digest: Digest) -> None:
        file.flush()
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())
        target = self._path(digest)
        self._folder(target.parent)
        os.replace(path, target)
        _sync_folder(target.parent)

    def _folder(self, path: Path, *, sync: bool = True) -> None:
        if path not in self._shards:
            if not path.is_dir():
                path.mkdir(parents=True, exist_ok=True)
                if sync:
                    _sync_folder(path.parent)
            self._shards.add(path)


def _place(root: str, digest: Digest) -> str:
    """A blob's path, as text: building a `Path` costs more than asking the disk."""
    if not _is_digest(digest):
        raise Invalid(f"{digest[:80]!r} is not a digest", fix="64 hexadecimal digits")
    return f"{root}/{digest[:2]}/{digest[2:]}"


class _Verified(io.RawIOBase):
    """Hashes what is read from start to end, and refuses to end on other bytes than promised."""

    def __init__(self, file: io.FileIO, digest: Digest) -> None:
        self._file = file
        self._digest = digest
        self._hasher: hashlib._Hash | None = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        n = self._file.readinto(buffer) or 0
        if self._hasher is not None:
            if n:
                self._hasher.update(buffer[:n])
            elif self._hasher.hexdigest() != self._digest:
                raise _damaged(self._digest)
        return n

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._hasher = None  # out of order there is nothing to compare
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def _sync_folder(folder: Path) -> None:
    """The names in a folder reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _damaged(digest: Digest) -> Failed:
    return Failed(
        f"blob {digest[:12]}… is damaged on the disk",
        fix="restore it from a backup, or delete it and import the file again",
    )


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Busy("the disk of the store is full", fix="free some space") from None
        raise
