"""A bundle as a copy that can be checked; nothing in it is believed or unpacked."""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Self

from pydantic import ValidationError

from viseon.schema import (
    Certificate,
    Digest,
    Invalid,
    Name,
    NotFound,
    Noun,
    Sample,
    Time,
    Version,
    digest_of,
)

NEEDED = ("SHA256SUMS", "annotations.jsonl", "manifest.jsonl", "version.json")
KNOWN = frozenset({*NEEDED, "certificate.json"})
SMALL = 16 << 20
"""Bytes that `version.json` and `certificate.json` may have."""

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)

_BLOB = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")
_CHUNK = 1 << 20
_FIX = "get the bundle again from where it was made"


class Described(Noun):
    """What a bundle says about the version in it, besides the version itself."""

    bundle: int = 1
    """The number of this form."""
    dataset: Name
    number: int
    fingerprint: Digest
    certificate: Digest | None = None
    parent: Digest | None = None
    message: str = ""
    created: Time
    created_by: str = ""

    @classmethod
    def of(cls, version: Version) -> "Described":
        """What never changes about a version; tags come and go."""
        return cls(
            dataset=version.dataset,
            number=version.number,
            fingerprint=version.fingerprint,
            certificate=version.certificate,
            parent=version.parent,
            message=version.message,
            created=version.created,
            created_by=version.created_by,
        )


def blob_entry(digest: Digest) -> str:
    """The name of the entry that has a file's bytes."""
    return f"blobs/{digest[:2]}/{digest}"


def header(name: str, size: int) -> bytes:
    """The block before an entry's bytes: no owner, no time, and always the same for the same."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.GNU_FORMAT)  # says sizes above 8 GiB without another header


def sums(parts: Mapping[str, Digest], digests: Iterable[Digest]) -> Iterator[bytes]:
    """The lines of SHA256SUMS by entry; `digests` must be sorted."""
    before = {name: digest for name, digest in parts.items() if name < "blobs"}
    after = {name: digest for name, digest in parts.items() if name > "blobs"}
    yield from (f"{before[name]}  {name}\n".encode() for name in sorted(before))
    yield from (f"{digest}  {blob_entry(digest)}\n".encode() for digest in digests)
    yield from (f"{after[name]}  {name}\n".encode() for name in sorted(after))


class BundleCopy:
    """Reads a bundle once from end to end, then any entry of it. Thread-safe.

    Raises NotFound without a file, Invalid that names the first entry which no bundle has: links,
    devices, names that lead elsewhere, entries that are there twice, bytes with another digest.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFound(f"there is no file {path}", fix="check the path")
        self.name = path.name
        self._file = path.open("rb")
        self._lock = Lock()
        self._parts: dict[str, tuple[int, int, Digest]] = {}
        self._blobs: dict[Digest, tuple[int, int]] = {}
        self._used: set[Digest] = set()
        try:
            self._scan()
            self.described = self._described()
            self._check_sums()
            self._check_certificate()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def manifest(self) -> BinaryIO:
        """The entry `manifest.jsonl`."""
        return self.open("manifest.jsonl")

    def labels(self) -> BinaryIO:
        """The entry `annotations.jsonl`."""
        return self.open("annotations.jsonl")

    def certificate(self) -> bytes | None:
        """The entry `certificate.json`."""
        return self._small("certificate.json") if "certificate.json" in self._parts else None

    def stated(self) -> Certificate | None:
        """The same, read; to be asked when all was checked."""
        data = self.certificate()
        return None if data is None else Certificate.model_validate_json(data)

    def whole(self, sample: Sample) -> str:
        """Its bytes were hashed when the bundle was opened."""
        self._used.add(sample.digest)
        return "" if sample.digest in self._blobs else f"{blob_entry(sample.digest)} is missing"

    def strays(self) -> Iterator[str]:
        """Files that no sample has."""
        for digest in self._blobs:
            if digest not in self._used:
                yield f"{blob_entry(digest)} belongs to no sample"

    def get(self, digest: Digest) -> bytes:
        """Raises NotFound."""
        with self.open(blob_entry(digest)) as file:
            return file.read()

    def digests(self) -> Iterator[Digest]:
        """Of all files."""
        return iter(self._blobs)

    def open(self, entry: str) -> BinaryIO:
        """An entry's bytes. Raises NotFound."""
        matched = _BLOB.fullmatch(entry)
        found = self._blobs.get(matched[2]) if matched else self._parts.get(entry)
        if found is None:
            raise NotFound(f"{self.name}: there is no {entry}", fix=_FIX)
        return io.BufferedReader(_Part(self._file, self._lock, found[0], found[1]), _CHUNK)

    def _scan(self) -> None:
        entry = "its beginning"
        while (block := self._file.read(BLOCK)) != bytes(BLOCK):
            try:
                info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except tarfile.HeaderError as error:
                if not self._parts:
                    raise Invalid(
                        f"{self.name}: it is no bundle, or its beginning is lost",
                        fix="name what viseon bundle wrote, not compressed",
                    ) from error
                what = "it is cut off" if len(block) < BLOCK else "it is damaged"
                raise self._wrong(f"{what} after {entry}") from error
            entry = info.name.encode("unicode_escape").decode()[:200]
            self._entry(info, entry, block)
        rest = self._file.read(BLOCK + 1)
        if rest[:BLOCK] != bytes(BLOCK):
            raise self._wrong(f"its end is missing after {entry}")
        if len(rest) > BLOCK:
            raise self._wrong("something follows its end")
        missing = [name for name in NEEDED if name not in self._parts]
        if missing:
            raise Invalid(f"{self.name}: there is no {missing[0]}", fix="is it a viseon bundle?")

    def _entry(self, info: tarfile.TarInfo, shown: str, block: bytes) -> None:
        matched = _BLOB.fullmatch(info.name)
        if matched is None and info.name not in KNOWN:
            raise self._wrong(f"{shown}: no bundle has such an entry")
        if info.type != tarfile.REGTYPE:
            raise self._wrong(f"{shown}: it is no plain file")
        if info.size < 0 or header(info.name, info.size) != block:
            raise self._wrong(f"{shown}: its header is not what viseon writes")
        if info.name in self._parts or (matched and matched[2] in self._blobs):
            raise self._wrong(f"{shown}: it is there twice")
        start = self._file.tell()
        digest = self._hashed(info.size, shown)
        if matched is None:
            self._parts[info.name] = (start, info.size, digest)
        elif digest != matched[2]:
            raise self._wrong(f"{shown}: its SHA-256 is {digest}")
        else:
            self._blobs[digest] = (start, info.size)

    def _hashed(self, size: int, shown: str) -> Digest:
        hasher, left = hashlib.sha256(), size
        while left:
            chunk = self._file.read(min(left, _CHUNK))
            if not chunk:
                raise self._wrong(f"{shown}: it is cut off")
            hasher.update(chunk)
            left -= len(chunk)
        if self._file.read(-size % BLOCK) != bytes(-size % BLOCK):
            raise self._wrong(f"{shown}: something is hidden behind it, or it is cut off")
        return hasher.hexdigest()

    def _wrong(self, what: str) -> Invalid:
        return Invalid(f"{self.name}: {what}", fix=_FIX)

    def _small(self, entry: str) -> bytes:
        if self._parts[entry][1] > SMALL:
            raise self._wrong(f"{entry}: it is too large")
        with self.open(entry) as file:
            return file.read()

    def _described(self) -> Described:
        data = self._small("version.json")
        try:
            form = json.loads(data).get("bundle", 1)
        except (ValueError, AttributeError):
            form = 1  # said below
        if form != 1:
            raise Invalid(
                f"{self.name}: version.json: bundles of form {form!r} are not known here",
                fix="upgrade viseon",
            )
        try:
            return Described.model_validate_json(data)
        except ValidationError as error:
            raise Invalid.because(
                error.errors()[0], where=f"{self.name}: version.json: ", fix=_FIX
            ) from error

    def _check_sums(self) -> None:
        """Standard tools believe SHA256SUMS, so it has to say what is true, and all of it."""
        parts = {name: part[2] for name, part in self._parts.items() if name != "SHA256SUMS"}
        with self.open("SHA256SUMS") as file:
            for line in sums(parts, sorted(self._blobs)):
                if file.readline(len(line) + 1) != line:
                    entry = line.decode().split()[1]
                    raise self._wrong(f"SHA256SUMS does not say so of {entry}")
            if file.read(1):
                raise self._wrong("SHA256SUMS names entries that are gone")

    def _check_certificate(self) -> None:
        """It must be the one that was issued, and about the version that is described."""
        said, data = self.described, self.certificate()
        found = None if data is None else digest_of(data)
        if found is None and said.certificate is not None:
            raise self._wrong("certificate.json is missing")
        if found != said.certificate:
            raise self._wrong(
                f"certificate.json: its SHA-256 is {found}, and version.json says "
                f"{said.certificate or 'that there is none'}"
            )
        try:
            stated = self.stated()
        except ValidationError:
            return  # whoever verifies says so
        if stated and (stated.dataset, stated.number) != (said.dataset, said.number):
            raise self._wrong(
                f"version.json: it says {said.dataset}@{said.number}, "
                f"the certificate {stated.dataset}@{stated.number}"
            )


class _Part(io.RawIOBase):
    """A stretch of a file as a file of its own."""

    def __init__(self, file: BinaryIO, lock: Lock, start: int, size: int) -> None:
        self._file, self._lock, self._start, self._size, self._at = file, lock, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._at))
        with self._lock:
            self._file.seek(self._start + self._at)
            data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
