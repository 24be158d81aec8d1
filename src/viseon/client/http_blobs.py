"""BlobStore on somebody else's disk."""

import hashlib
import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import httpx

from viseon.client.errors import checked
from viseon.schema import Digest, Failed

_BATCH = 1000


class HttpBlobs:
    """The server's blobs: hashed here, sent only when the server lacks them."""

    def __init__(self, http: httpx.Client, base: str = "/v1") -> None:
        self._http = http
        self._base = f"{base}/blobs"

    def put(self, data: bytes) -> Digest:
        """Store `data`."""
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self:
            self._same(digest, checked(self._http.post(self._base, content=data)).json())
        return digest

    def add(self, path: Path) -> Digest:
        """Store a file."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest not in self:
                file.seek(0)
                chunks = iter(lambda: file.read(1 << 20), b"")
                self._same(digest, checked(self._http.post(self._base, content=chunks)).json())
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes, verified."""
        data = checked(self._http.get(f"{self._base}/{digest}")).content
        self._same(digest, hashlib.sha256(data).hexdigest())
        return data

    def open(self, digest: Digest) -> BinaryIO:
        """The bytes as a stream."""
        return io.BytesIO(self.get(digest))

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        """Those the server lacks."""
        wanted = list(dict.fromkeys(digests))
        found: list[Digest] = []
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            found += checked(self._http.post(f"{self._base}/missing", json=batch)).json()
        return found

    def delete(self, digest: Digest) -> None:
        """Forget the bytes."""
        checked(self._http.delete(f"{self._base}/{digest}"))

    def __contains__(self, digest: object) -> bool:
        response = self._http.head(f"{self._base}/{digest}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        return checked(response).is_success

    def _same(self, digest: Digest, arrived: str) -> None:
        if digest != arrived:
            raise Failed(f"blob {digest[:12]}… changed on its way", fix="try again")
