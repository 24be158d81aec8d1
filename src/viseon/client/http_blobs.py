"""BlobStore on somebody else's disk."""

import hashlib
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import httpx

from viseon.client.errors import checked
from viseon.client.uploads import CHUNK, Sender
from viseon.schema import Digest, Failed, Unavailable, digest_of

T = TypeVar("T")

LARGE = 1 << 20
"""Bytes from which it pays to ask how to send them."""
TRIES = 3
_BATCH = 1000
_THREADS = 8


class HttpBlobs:
    """The server's blobs: hashed here, sent only when the server lacks them. Thread-safe."""

    def __init__(self, http: httpx.Client, base: str = "/v1") -> None:
        self._http = http
        self._base = f"{base}/blobs"
        self._sender = Sender(http, self._base)

    def put(self, data: bytes) -> Digest:
        """Store `data`."""
        digest = digest_of(data)
        self._send(io.BytesIO(data), digest, len(data))
        return digest

    def add(self, path: Path) -> Digest:
        """Store a file; where the connection breaks it goes on from there."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            self._send(file, digest, file.tell())
        return digest

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        """Store files, several at once; their digests in the order given."""
        rest = iter(paths)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(rest, _BATCH)):
                digests = list(pool.map(_digest, batch))
                lacking = set(self.missing(digests))
                fresh = {d: p for d, p in zip(digests, batch, strict=True) if d in lacking}
                list(pool.map(self._upload, fresh, fresh.values()))
                yield from digests

    def get(self, digest: Digest) -> bytes:
        """The bytes, verified."""
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream: all have arrived and are verified; large ones wait on disk."""
        return self._again(lambda: self._fetched(digest))

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those the server lacks."""
        wanted = list(dict.fromkeys(digests))
        found: list[Digest] = []
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            answer = self._again(lambda b=batch: self._http.post(f"{self._base}/missing", json=b))  # type: ignore[misc]
            found += checked(answer).json()
        return found

    def delete(self, digest: Digest) -> None:
        """Forget the bytes."""
        checked(self._again(lambda: self._http.delete(f"{self._base}/{digest}")))

    def __contains__(self, digest: object) -> bool:
        response = self._again(lambda: self._http.head(f"{self._base}/{digest}"))
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        return checked(response).is_success

    def _send(self, file: BinaryIO, digest: Digest, size: int) -> None:
        if size >= LARGE:
            self._sender.send(file, digest, size)
        elif digest not in self:
            self._post(file, digest)

    def _upload(self, digest: Digest, path: Path) -> None:
        size = path.stat().st_size
        with path.open("rb") as file:
            if size >= LARGE:
                self._sender.send(file, digest, size)
            else:
                self._post(file, digest)

    def _post(self, file: BinaryIO, digest: Digest) -> None:
        file.seek(0)
        data = file.read()
        answer = checked(self._again(lambda: self._http.post(self._base, content=data)))
        self._same(digest, answer.json())

    def _fetched(self, digest: Digest) -> BinaryIO:
        hasher = hashlib.sha256()
        with ExitStack() as undo:
            file = undo.enter_context(tempfile.SpooledTemporaryFile(LARGE))
            with self._read(digest) as response:
                for chunk in response.iter_bytes(CHUNK):
                    hasher.update(chunk)
                    file.write(chunk)
            self._same(digest, hasher.hexdigest())
            file.seek(0)
            undo.pop_all()
        return file  # type: ignore[return-value]  # a BinaryIO in all but name

    @contextmanager
    def _read(self, digest: Digest) -> Iterator[httpx.Response]:
        """The response that carries the bytes: the store's own where it can be reached."""
        params = {"direct": "true"} if self._sender.direct else {}
        with self._http.stream(
            "GET", f"{self._base}/{digest}", params=params, follow_redirects=False
        ) as response:
            if not response.has_redirect_location:
                yield checked(response)
                return
            url = response.headers["location"]
        try:
            with httpx.stream("GET", url, timeout=300, trust_env=False) as direct:
                self._sender.direct = direct.is_success
                if direct.is_success:
                    yield direct
                    return
        except httpx.ConnectError:
            self._sender.direct = False
        raise httpx.ConnectError("the store cannot be reached from here")  # tried again without

    def _again(self, act: Callable[[], T]) -> T:
        """Whatever is asked here may be asked twice."""
        for left in reversed(range(TRIES)):
            try:
                return act()
            except httpx.TransportError as error:
                if not left:
                    raise Unavailable(
                        f"{self._http.base_url} does not answer: {error}",
                        fix="is `viseon serve` running?",
                    ) from error
        raise AssertionError("unreachable")

    def _same(self, digest: Digest, arrived: str) -> None:
        if digest != arrived:
            raise Failed(f"blob {digest[:12]}… changed on its way", fix="try again")


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
