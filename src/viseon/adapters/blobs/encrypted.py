"""Encryption at rest around any store: names stay the digests of the plain bytes.

A blob is `VISEON-1`, 8 bytes that name the key, a 16-byte salt, then chunks of 64 KiB, each sealed
with AES-256-GCM (NIST SP 800-38D). Every blob has a key of its own (HKDF, RFC 5869, of the master
key, the salt and the digest); a chunk's nonce is its number and whether it is the last (the STREAM
construction: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance", CRYPTO 2015), so that chunks cannot be swapped or cut off.
"""

import base64
import binascii
import hashlib
import io
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from viseon.adapters.blobs.stream import Stream, damaged
from viseon.ports import CountedBlobs, RawBlobs, Stored
from viseon.schema import Digest, Failed, Invalid, digest_of

MAGIC = b"VISEON-1"
CHUNK = 64 << 10
TAG = 16
HEADER = len(MAGIC) + 8 + 16
KEY_BYTES = 32
_FIX = "make one with `openssl rand -hex 32 > key`, and keep a copy elsewhere"


class SealedBlobs(RawBlobs, CountedBlobs, Protocol):
    """What a store under encryption must be able to do."""


class EncryptedBlobs:
    """Seals what it stores in `inner`. What was stored there before stays readable, unsealed.

    Thread-safe as `inner` is. Nothing unsealed is written to any disk.
    """

    def __init__(self, inner: SealedBlobs, key: bytes) -> None:
        self._inner = inner
        self._key = key
        self._key_id = hashlib.sha256(b"viseon key id" + key).digest()[:8]

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        if digest not in self._inner:
            self._store(digest, io.BytesIO(data))
        return digest

    def add(self, path: Path) -> Digest:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest not in self._inner:
                file.seek(0)
                self._store(digest, file)
        return digest

    def add_many(self, paths: Iterable[Path]) -> Iterator[Digest]:
        yield from map(self.add, paths)

    def get(self, digest: Digest) -> bytes:
        with self.open(digest) as file:
            return file.read()

    def open(self, digest: Digest) -> BinaryIO:
        raw = self._inner.raw(digest)
        header = raw.read(HEADER)
        if not header.startswith(MAGIC):
            return _plain(raw, digest)
        if header[len(MAGIC) : len(MAGIC) + 8] != self._key_id:
            raw.close()
            raise Failed(
                f"blob {digest[:12]}… was encrypted with another key",
                fix="let VISEON_ENCRYPTION_KEY name the file with the key it was stored with",
            )
        sealed = raw.seek(0, io.SEEK_END) - HEADER
        chunks = max(1, -(-sealed // (CHUNK + TAG)))
        cipher = self._cipher(digest, header[-16:])

        def start(offset: int) -> Iterator[bytes]:
            return _opened(raw, cipher, offset, chunks, digest)

        size = max(0, sealed - chunks * TAG)
        return io.BufferedReader(_Opened(start, size, digest, raw), CHUNK)

    def missing(self, digests: Iterable[Digest]) -> list[Digest]:
        return self._inner.missing(digests)

    def delete(self, digest: Digest) -> None:
        self._inner.delete(digest)

    def digests(self) -> Iterator[Digest]:
        """Every blob there is, in no order."""
        return self._inner.digests()

    def sweep(self) -> int:
        """Delete what unfinished uploads left behind; returns how much."""
        return self._inner.sweep()

    def stored(self) -> Iterator[Stored]:
        return self._inner.stored()

    def stored_at(self, digest: Digest) -> float | None:
        return self._inner.stored_at(digest)

    def __contains__(self, digest: object) -> bool:
        return digest in self._inner

    def _store(self, digest: Digest, plain: BinaryIO) -> None:
        salt = secrets.token_bytes(16)
        with _scratch() as path:
            with path.open("wb") as file:
                file.write(MAGIC + self._key_id + salt)
                arrived = _seal(plain, file, self._cipher(digest, salt))
            if arrived != digest:
                raise Failed("the file changed while it was read", fix="add it again")
            self._inner.keep(digest, path)

    def _cipher(self, digest: Digest, salt: bytes) -> AESGCM:
        info = b"viseon blob " + digest.encode()
        return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, info).derive(self._key))


class _Opened(Stream):
    """Lets go of the sealed file when it is closed."""

    def __init__(
        self,
        start: Callable[[int], Iterator[bytes]],
        size: int,
        digest: Digest,
        raw: BinaryIO,
    ) -> None:
        super().__init__(start, size, digest)
        self._raw = raw

    def close(self) -> None:
        self._raw.close()
        super().close()


def read_key(path: Path) -> bytes:
    """The 32 bytes in a key file: raw, 64 hexadecimal digits or base64. Raises Invalid."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Invalid(f"encryption_key: cannot read {path}: {error.strerror}", fix=_FIX) from error
    if len(data) == KEY_BYTES:
        return data
    text = data.strip()
    if re.fullmatch(rb"[0-9a-fA-F]{64}", text):
        return bytes.fromhex(text.decode())
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise Invalid(f"encryption_key: {path} does not hold a key of 256 bits", fix=_FIX)
    return decoded


def _plain(raw: BinaryIO, digest: Digest) -> BinaryIO:
    """What was stored before there was a key; still verified."""

    def start(offset: int) -> Iterator[bytes]:
        raw.seek(offset)
        while chunk := raw.read(CHUNK):
            yield chunk

    size = raw.seek(0, io.SEEK_END)
    return io.BufferedReader(_Opened(start, size, digest, raw), CHUNK)


def _seal(plain: BinaryIO, out: BinaryIO, cipher: AESGCM) -> Digest:
    """Write the chunks; the digest of what was read."""
    hasher = hashlib.sha256()
    number, chunk = 0, plain.read(CHUNK)
    while True:
        after = plain.read(CHUNK) if len(chunk) == CHUNK else b""
        hasher.update(chunk)
        out.write(cipher.encrypt(_nonce(number, last=not after), chunk, None))
        if not after:
            return hasher.hexdigest()
        number, chunk = number + 1, after


def _opened(
    raw: BinaryIO, cipher: AESGCM, offset: int, chunks: int, digest: Digest
) -> Iterator[bytes]:
    first = offset // CHUNK
    for number in range(first, chunks):
        raw.seek(HEADER + number * (CHUNK + TAG))
        sealed = raw.read(CHUNK + TAG)
        try:
            plain = cipher.decrypt(_nonce(number, last=number == chunks - 1), sealed, None)
        except (InvalidTag, ValueError):
            raise damaged(digest) from None
        yield plain[offset - number * CHUNK :] if number == first else plain


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="viseon-seal-") as folder:
        yield Path(folder) / "sealed"
