"""Blobs laid out as files: cloned, linked or copied, always verified."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

from viseon.overlap import overlapped
from viseon.ports import BlobStore, LocalBlobs
from viseon.schema import Conflict, Digest, Failed, Invalid

Link = Literal["auto", "reflink", "hardlink", "copy"]
"""How files come out of a store on the same disk.

`reflink`: own files that share their blocks with the store until they are changed (btrfs, XFS, …).
`hardlink`: the store's files under another name, read-only. `copy`: own files.
"""

THREADS = 8
CHUNK = 1 << 20
_FICLONE = 0x40049409
"""The ioctl(2) that shares one file's blocks with another on Linux."""

Target = tuple[Path, Digest]


def choose(blobs: BlobStore, folder: Path, digest: Digest, wanted: Link = "auto") -> Link:
    """What the disk below `folder` can do for a blob: `reflink`, else `hardlink`, else `copy`.

    Whoever may write to read-only files, as root may, gets no hard links unless wanted: an edit
    would change the store. Raises Invalid when what is wanted cannot be.
    """
    if wanted == "copy" or (wanted == "auto" and not isinstance(blobs, LocalBlobs)):
        return "copy"
    tries: list[Link] = ["reflink", "hardlink"] if wanted == "auto" else [wanted]
    for how in tries:
        if how == "hardlink" and wanted == "auto" and _writes_everywhere():
            continue
        if isinstance(blobs, LocalBlobs) and _works(how, blobs.path(digest), folder):
            return how
    if wanted == "auto":
        return "copy"
    raise Invalid(
        f"link: no {wanted} can lead from the store to {folder}",
        fix="use copy, or a folder on the store's own disk",
    )


def materialise(
    blobs: BlobStore, targets: Sequence[Target], how: Link, say: Callable[[int], None]
) -> None:
    """Write each blob to its path; those that are there already are left alone.

    `say` hears how many are done. Raises Conflict where other bytes lie, Failed for bytes that
    are not those promised; a file is there whole or not at all.
    """
    folders: set[Path] = set()
    one = partial(_one, blobs, how, folders)
    for done, _ in enumerate(overlapped(one, targets, threads=THREADS), 1):
        say(done)


def write(path: Path, source: BinaryIO, digest: Digest) -> None:
    """The whole file or none of it; raises Failed when the bytes are not those promised."""
    hasher = hashlib.sha256()
    with _partial(path) as name:
        with name.open("xb") as out:
            while chunk := source.read(CHUNK):
                hasher.update(chunk)
                out.write(chunk)
        _promised(path, hasher.hexdigest(), digest)


def _one(blobs: BlobStore, how: Link, folders: set[Path], target: Target) -> None:
    path, digest = target
    if path.parent not in folders:
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.add(path.parent)
    if os.path.lexists(path):
        if not path.is_file() or _digest(path) != digest:
            raise Conflict(
                f"{path} is there already, with other bytes",
                fix="name a new folder; on this disk names may also differ only in case",
            )
    elif isinstance(blobs, LocalBlobs):
        source = blobs.path(digest)
        if how == "copy":
            with open(source, "rb", buffering=0) as file:
                write(path, file, digest)
        else:
            with _partial(path) as name:
                _share(how, source, name)
                _promised(path, _digest(name), digest)
    else:
        with blobs.open(digest) as file:
            write(path, file, digest)


def _works(how: Link, source: Path, folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".{secrets.token_hex(8)}.part"
    try:
        return linked(how, source, probe)
    finally:
        probe.unlink(missing_ok=True)


def linked(how: Link, source: Path, target: Path) -> bool:
    """Make `target` share the bytes of `source`; False, and no target, where that cannot be."""
    try:
        _share(how, source, target)
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


def _share(how: Link, source: Path, target: Path) -> None:
    """Raises OSError where the file system cannot."""
    if how == "hardlink":
        os.link(source, target)
        return
    import fcntl  # noqa: PLC0415 - not on every system

    with source.open("rb") as file, target.open("xb") as out:
        fcntl.ioctl(out.fileno(), _FICLONE, file.fileno())


def _writes_everywhere() -> bool:
    return not hasattr(os, "geteuid") or os.geteuid() == 0


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """A name beside `path` that becomes it when all went well."""
    name = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield name
        os.replace(name, path)
    finally:
        name.unlink(missing_ok=True)


def _promised(path: Path, arrived: Digest, digest: Digest) -> None:
    if arrived != digest:
        raise Failed(f"{path.name}: the bytes that arrived are not those of the version")


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
