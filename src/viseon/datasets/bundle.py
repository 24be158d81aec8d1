"""A version as one file that standard tools can check, and such a file as a version again.

A bundle is a plain tar, not compressed: pictures are already.

    SHA256SUMS          of everything below, for `sha256sum -c SHA256SUMS`
    version.json        what the version was called, who made it and when
    manifest.jsonl      its SHA-256 is the fingerprint
    annotations.jsonl   the canonical JSON of each annotation
    certificate.json    its SHA-256 is the version's `certificate`
    blobs/ab/abcdef…    each file under its SHA-256

Equal versions give equal bytes: order, times, owners and modes are fixed.
"""

import hashlib
import io
import os
import secrets
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, BinaryIO, cast

from viseon.datasets.bundle_copy import (
    BLOCK,
    END,
    BundleCopy,
    Described,
    blob_entry,
    header,
    sums,
)
from viseon.datasets.disks import room
from viseon.datasets.manifest import header_of, samples_of
from viseon.datasets.materialise import CHUNK
from viseon.datasets.offline import verify_copy
from viseon.datasets.transfer import Place, Progress
from viseon.ports import BlobStore
from viseon.schema import (
    SPLITS,
    Conflict,
    Digest,
    Failed,
    Forbidden,
    NotFound,
    Version,
    canonical_json,
)

AHEAD = 16
"""Files asked for before they are written, so that a far store does not wait between two."""
AT_ONCE = 200
"""Files unpacked beside each other on their way into a store."""
SPOOL = 4 << 20


def bundle(
    platform: Place,
    dataset: str,
    version: int | None = None,
    *,
    to: str | Path,
    progress: Progress | None = None,
) -> Version:
    """Write a version into one file; the latest when `version` is None.

    The file appears when it is whole. Raises Conflict when there is one already or when samples of
    the version were erased, Failed when any byte differs from what the version promises, Busy when
    the disk is full.
    """
    target = Path(to).expanduser()
    if target.exists():
        raise Conflict(f"{target} is there already", fix="name another file, or remove it")
    number = version or platform.datasets.get(dataset).head
    found = platform.datasets.version(dataset, number or 1)
    if found.erased:
        raise Conflict(
            f"{found.ref} cannot be bundled: {found.erased} of its samples are erased, and a "
            "bundle holds all that its fingerprint promises",
            fix=f"viseon commit {dataset}, without them, and bundle that version",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with room(target.parent), ExitStack() as stack, partial.open("xb") as out:
            _write(_Tar(out), platform, found, stack, progress or _silence)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return found


def unbundle(
    platform: Place,
    path: str | Path,
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> Version:
    """Make a bundle the first version of a new dataset: equal rows, splits and fingerprint.

    Everything in it is checked before anything is stored. `name` is the dataset's, if not the one
    it had. Raises Conflict when there is such a dataset, Failed that names the entry at fault.
    """
    say = progress or _silence
    say(0.0, "checking")
    with BundleCopy(Path(path).expanduser()) as copy:
        checked = verify_copy(copy, None, expected=copy.described.fingerprint)
        if not checked.ok:
            raise Failed(f"{copy.name}: {checked.problem}", fix="get the bundle again")
        target = name or copy.described.dataset
        _check_free(platform, target)
        _send(platform.blobs, copy, say)
        made = _adopt(platform, copy, target)
    say(1.0, "done")
    return made


def _write(tar: "_Tar", platform: Place, version: Version, stack: ExitStack, say: Progress) -> None:
    blobs, name, number = platform.blobs, version.dataset, version.number
    parts: dict[str, IO[bytes]] = {
        "version.json": io.BytesIO(canonical_json(Described.of(version))),
        "manifest.jsonl": stack.enter_context(blobs.open(platform.datasets.manifest(name, number))),
        "annotations.jsonl": stack.enter_context(
            blobs.open(platform.datasets.annotations(name, number))
        ),
    }
    if version.certificate is not None:
        certificate = platform.datasets.certificate(name, number)
        parts["certificate.json"] = io.BytesIO(canonical_json(certificate))
    sized = {name: _sized(part, stack) for name, part in parts.items()}
    header_of(cast(BinaryIO, sized["manifest.jsonl"]))
    digests = sorted(
        {sample.digest for sample in samples_of(cast(BinaryIO, sized["manifest.jsonl"]))}
    )
    promised = {name: _digest(part) for name, part in sized.items()}
    if promised["manifest.jsonl"] != version.fingerprint:
        raise Failed(f"the manifest of {version.ref} is not what its fingerprint promises")
    listed = stack.enter_context(_scratch())
    listed.writelines(sums(promised, digests))
    tar.add("SHA256SUMS", listed, _digest(listed))
    for name, part in sized.items():
        tar.add(name, part, promised[name])
    step = max(1, len(digests) // 100)
    for done, (digest, source) in enumerate(_opened(blobs, digests), 1):
        with ExitStack() as own:
            tar.add(blob_entry(digest), _sized(own.enter_context(source), own), digest)
        if done % step == 0:
            say(done / len(digests), "bundling")
    tar.end()
    say(1.0, "done")


class _Tar:
    """Writes entries one after another and remembers none."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def add(self, name: str, source: IO[bytes], digest: Digest) -> None:
        """Copies a seekable file. Raises Failed when its bytes are not those with this digest."""
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        self._out.write(header(name, size))
        hasher = hashlib.sha256()
        while chunk := source.read(CHUNK):
            hasher.update(chunk)
            self._out.write(chunk)
        if hasher.hexdigest() != digest:
            raise Failed(f"{name}: the bytes that arrived are not those of the version")
        self._out.write(bytes(-size % BLOCK))

    def end(self) -> None:
        """Say that nothing follows."""
        self._out.write(END)


def _opened(blobs: BlobStore, digests: list[Digest]) -> Iterator[tuple[Digest, BinaryIO]]:
    """In order, a few opened ahead."""
    waiting: deque[tuple[Digest, Future[BinaryIO]]] = deque()
    rest = iter(digests)
    with ThreadPoolExecutor(AHEAD // 2) as pool:
        try:
            for digest in rest:
                waiting.append((digest, pool.submit(blobs.open, digest)))
                if len(waiting) == AHEAD:
                    first, opened = waiting.popleft()
                    yield first, opened.result()
            while waiting:
                first, opened = waiting.popleft()
                yield first, opened.result()
        finally:
            for _, left in waiting:
                if not left.cancel() and left.exception() is None:
                    left.result().close()


def _sized(source: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """The same bytes where they can be measured."""
    if source.seekable():
        return source
    kept = stack.enter_context(_scratch())
    while chunk := source.read(CHUNK):
        kept.write(chunk)
    kept.seek(0)
    return kept


def _scratch() -> "tempfile.SpooledTemporaryFile[bytes]":
    return tempfile.SpooledTemporaryFile(SPOOL)


def _digest(part: IO[bytes]) -> Digest:
    part.seek(0)
    hasher = hashlib.sha256()
    while chunk := part.read(CHUNK):
        hasher.update(chunk)
    part.seek(0)
    return hasher.hexdigest()


def _check_free(platform: Place, name: str) -> None:
    try:
        platform.datasets.get(name)
    except NotFound:
        return
    raise Conflict(f"dataset {name!r} already exists", fix="name another: --as NAME")


def _send(blobs: BlobStore, copy: BundleCopy, say: Progress) -> None:
    """Only what the store lacks; a few files at a time are unpacked."""
    lacking = blobs.missing(copy.digests())
    done = 0
    for start in range(0, len(lacking), AT_ONCE):
        batch = lacking[start : start + AT_ONCE]
        with tempfile.TemporaryDirectory(prefix="viseon-unbundle-") as scratch:
            paths = [_unpacked(copy.open(blob_entry(d)), Path(scratch, d)) for d in batch]
            try:
                for digest, stored in zip(batch, blobs.add_many(paths), strict=True):
                    if digest != stored:
                        raise Failed(f"{blob_entry(digest)} changed while it was read")
            except Forbidden as error:
                _, file, which = error.message.partition("file ")  # not where it was unpacked
                raise Forbidden(
                    f"the bundle holds what was erased here: {file}{which or error.message}",
                    fix="bundle it again from a version without that file",
                ) from error
        done += len(batch)
        say(0.1 + 0.8 * done / len(lacking), "storing")


def _adopt(platform: Place, copy: BundleCopy, name: str) -> Version:
    said, stated = copy.described, copy.stated()
    with tempfile.TemporaryDirectory(prefix="viseon-unbundle-") as scratch:
        manifest, annotations = (
            platform.blobs.add(_unpacked(copy.open(entry), Path(scratch, entry)))
            for entry in ("manifest.jsonl", "annotations.jsonl")
        )
    message = said.message or f"{said.dataset}@{said.number}, unbundled"
    if stated is None:
        return platform.datasets.adopt(
            name, manifest=manifest, annotations=annotations, message=message
        )
    return platform.datasets.adopt(
        name,
        manifest=manifest,
        annotations=annotations,
        message=message,
        ratios={split: stated.ratios.get(split, 0.0) for split in SPLITS},
        near=stated.near,
        gap_s=stated.gap_s,
    )


def _unpacked(source: BinaryIO, path: Path) -> Path:
    with source, path.open("xb") as out:
        while chunk := source.read(CHUNK):
            out.write(chunk)
    return path


def _silence(done: float, stage: str) -> None:
    """Nobody asked."""
