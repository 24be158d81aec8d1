"""BlobStore on S3: AWS, SeaweedFS, Garage, Ceph or anything else that speaks it."""

import hashlib
import io
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store

from viseon.adapters.blobs.s3_errors import spoken
from viseon.adapters.blobs.stream import Stream, damaged
from viseon.ports import Stored
from viseon.ports.blobs import RENEWED_S
from viseon.schema import Digest, Failed, Invalid, NotFound, digest_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

PART = 16 << 20
"""Files larger than this are sent in parts of this size, four at once."""
SMALL = 64 << 10
"""For so few bytes asking whether they are there costs as much as sending them."""
LARGEST_PUT = 5 << 30
"""What S3 accepts in one request."""
CHUNK = 1 << 20
THREADS = 32
VALID = timedelta(hours=1)
STALE = timedelta(days=1)
RENEW_S = RENEWED_S / 2
"""Age from which an object that is stored or asked for again is dated anew."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach a bucket; what is empty comes from the usual `AWS_…` variables."""

    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


class S3Bucket:
    """A bucket, opened once; `blobs(workspace)` is a cheap view of it. Thread-safe."""

    def __init__(self, location: str, access: S3Access) -> None:
        parts = urlsplit(location)
        if parts.scheme != "s3" or not parts.netloc:
            raise Invalid(f"blobs: {location!r} is no bucket", fix="such as s3://bucket/prefix")
        self._name = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._access = access
        config: S3Config = {"region": access.region or "us-east-1", "disable_bulk_delete": True}
        if not access.region:
            del config["region"]  # AWS_REGION decides
        if access.endpoint:
            config["endpoint"] = access.endpoint
        if access.access_key:
            config["access_key_id"] = access.access_key
            config["secret_access_key"] = access.secret_key
        client: ClientConfig = {"connect_timeout": "5s", "timeout": "300s", "allow_http": True}
        with spoken(self._name, access.endpoint):
            self._store = S3Store(
                self._name,
                config=config,
                client_options=client,
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
            )

    def blobs(self, workspace: str) -> "S3Blobs":
        """The blobs of one workspace."""
        return S3Blobs(self._store, f"{self._prefix}{workspace}", (self._name, self._access))


class S3Blobs:
    """`prefix/ab/cdef…`, one object per blob; uploads of clients wait below `prefix/incoming/`."""

    def __init__(self, store: S3Store, prefix: str, named: tuple[str, S3Access]) -> None:
        self._store = store
        self._prefix = prefix
        self._bucket, self._access = named

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        if len(data) <= SMALL or digest not in self:  # asking renews
            with self._spoken():
                obstore.put(self._store, self._key(digest), data, use_multipart=False)
        return digest

    def add(self, path: Path) -> Digest:
        if path.stat().st_size <= PART:
            return self.put(path.read_bytes())
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest not in self:
            self._send(self._key(digest), path, digest)
        return digest

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        rest = iter(paths)
        with ThreadPoolExecutor(THREADS) as pool:
            while batch := list(islice(rest, 100)):
                yield from pool.map(self.add, batch)

    def get(self, digest: Digest) -> bytes:
        with self._spoken(digest):
            data = bytes(obstore.get(self._store, self._key(digest)).bytes())
        if digest_of(data) != digest:
            raise damaged(digest)
        return data

    def open(self, digest: Digest) -> BinaryIO:
        return self._file(digest, digest)

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        wanted = list(dict.fromkeys(digests))
        if len(wanted) < 3:  # noqa: PLR2004 (not worth threads)
            return [d for d in wanted if d not in self]
        with ThreadPoolExecutor(min(THREADS, len(wanted))) as pool:
            there = list(pool.map(lambda d: self.stored_at(d) is not None, wanted))
        return [d for d, found in zip(wanted, there, strict=True) if not found]

    def delete(self, digest: Digest) -> None:
        self._remove(self._key(digest))
        self._remove(self._incoming(digest))

    def keep(self, name: Digest, path: Path) -> None:
        self._send(self._key(name), path, None)

    def raw(self, name: Digest) -> BinaryIO:
        return self._file(name, None)

    def digests(self) -> Iterator[Digest]:
        yield from (found.digest for found in self.stored())

    def stored(self) -> Iterator[Stored]:
        with self._spoken():
            for batch in obstore.list(self._store, prefix=self._prefix):
                for found in batch:
                    name = found["path"].removeprefix(f"{self._prefix}/").replace("/", "")
                    if _DIGEST.fullmatch(name):
                        yield Stored(name, found["size"], found["last_modified"].timestamp())

    def stored_at(self, digest: Digest) -> float | None:
        try:
            with self._spoken(digest):
                return obstore.head(self._store, self._key(digest))["last_modified"].timestamp()
        except NotFound:
            return None

    def sweep(self) -> int:
        """Delete uploads that nobody finished within a day; returns how many."""
        old = datetime.now(UTC) - STALE
        with self._spoken():
            waiting = [
                found["path"]
                for batch in obstore.list(self._store, prefix=f"{self._prefix}/incoming")
                for found in batch
                if found["last_modified"] < old
            ]
        for key in waiting:
            self._remove(key)
        return len(waiting)

    def presign_put(self, digest: Digest, size: int) -> str | None:
        self._key(digest)
        return None if size > LARGEST_PUT else self._sign("PUT", self._incoming(digest))

    def presign_get(self, digest: Digest) -> str:
        if digest not in self:
            raise NotFound(f"no blob {digest[:12]}…")
        return self._sign("GET", self._key(digest))

    def accept(self, digest: Digest) -> None:
        """Verify a copy that no client can reach: the upload's address stays valid meanwhile."""
        uploaded, copy = self._incoming(digest), self._incoming(secrets.token_hex(16))
        try:
            with self._spoken(digest):
                obstore.copy(self._store, uploaded, copy)
                hasher = hashlib.sha256()
                for piece in obstore.get(self._store, copy).stream(CHUNK):
                    hasher.update(piece)
            if hasher.hexdigest() != digest:
                raise Failed(f"blob {digest[:12]}… changed on its way", fix="upload it again")
            with self._spoken(digest):
                obstore.copy(self._store, copy, self._key(digest))
        finally:
            self._remove(copy)
        self._remove(uploaded)

    def __contains__(self, digest: object) -> bool:
        if not isinstance(digest, str):
            return False
        at = self.stored_at(digest)
        if at is not None and time.time() - at > RENEW_S:
            return self._renew(digest)
        return at is not None

    def _renew(self, digest: Digest) -> bool:
        """Let it count as stored now, without sending it: by copies within the bucket."""
        copy = self._incoming(secrets.token_hex(16))
        try:
            with self._spoken(digest):
                obstore.copy(self._store, self._key(digest), copy)
                obstore.copy(self._store, copy, self._key(digest))
        except NotFound:
            return False
        finally:
            self._remove(copy)
        return True

    def _file(self, name: Digest, digest: Digest | None) -> BinaryIO:
        key = self._key(name)
        with self._spoken(name):
            first = obstore.get(self._store, key)
        waiting = [first]

        def start(offset: int) -> Iterator[bytes]:
            with self._spoken(name):
                if offset == 0 and waiting:
                    found = waiting.pop()
                else:
                    found = obstore.get(self._store, key, options={"range": {"offset": offset}})
                yield from found.stream(CHUNK)

        return io.BufferedReader(Stream(start, first.meta["size"], digest), CHUNK)

    def _send(self, key: str, path: Path, digest: Digest | None) -> None:
        """Upload a file in parts; nothing is stored if it is not what `digest` says any more."""

        def pieces() -> Iterator[bytes]:
            hasher = hashlib.sha256()
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    hasher.update(chunk)
                    yield chunk
            if digest is not None and hasher.hexdigest() != digest:
                raise Failed(f"{path.name} changed while it was read", fix="add it again")

        large = path.stat().st_size > PART
        with self._spoken():
            if large:
                obstore.put(
                    self._store, key, pieces(), use_multipart=True, chunk_size=PART,
                    max_concurrency=4,
                )  # fmt: skip
            else:
                obstore.put(self._store, key, b"".join(pieces()), use_multipart=False)

    def _remove(self, key: str) -> None:
        try:
            with self._spoken():
                obstore.delete(self._store, key)
        except NotFound:
            return  # forgetting twice is fine

    def _sign(self, verb: str, key: str) -> str:
        with self._spoken():
            if verb == "PUT":
                return obstore.sign(self._store, "PUT", key, VALID)
            return obstore.sign(self._store, "GET", key, VALID)

    def _spoken(self, digest: Digest = "") -> spoken:
        return spoken(self._bucket, self._access.endpoint, digest)

    def _key(self, digest: Digest) -> str:
        if not _DIGEST.fullmatch(digest):
            raise Invalid(f"{digest[:80]!r} is not a digest", fix="64 hexadecimal digits")
        return f"{self._prefix}/{digest[:2]}/{digest[2:]}"

    def _incoming(self, name: str) -> str:
        return f"{self._prefix}/incoming/{name}"
