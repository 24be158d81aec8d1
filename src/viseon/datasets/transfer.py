"""Folders into datasets and versions into folders, on any platform, near or far."""

import hashlib
import io
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from viseon import plugins
from viseon.datasets.incoming import check_classes
from viseon.datasets.manifest import header_of, samples_of
from viseon.datasets.service import Datasets
from viseon.ports import BlobStore, Format, LabelledFile
from viseon.schema import (
    Added,
    Annotation,
    Conflict,
    Dataset,
    Digest,
    Failed,
    Invalid,
    NotFound,
    Row,
    Sample,
    Version,
    canonical_json,
    digest_of,
)

T = TypeVar("T")
Progress = Callable[[float, str], None]
"""How much is done, from 0 to 1, and what is being done."""

THREADS = 8
CHUNK = 1 << 20


class Place(Protocol):
    """As much of a platform as a transfer needs."""

    @property
    def blobs(self) -> BlobStore:
        """Its bytes."""
        ...

    @property
    def datasets(self) -> Datasets:
        """Its datasets."""
        ...


def import_folder(
    platform: Place,
    folder: str | Path,
    *,
    dataset: str,
    format: str | None = None,
    classes: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> Added:
    """Put everything in `folder` into the working area of `dataset`, creating it if need be.

    The format is recognised unless named. `classes` fixes the classes of a new dataset and their
    order. Files are hashed here; only bytes the platform lacks are sent. All is checked before
    anything is added. Raises Invalid that names the file at fault and the fix.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise NotFound(f"there is no folder {root}", fix="check the path")
    say = progress or _silence
    contents = _format(root, format).read(root)
    say(0.0, "reading")
    files = list(contents.files)
    if not files:
        raise Invalid(f"{root}: there are no pictures in it", fix="check the path")
    target = _target(platform, dataset, contents.classes if classes is None else classes)
    for file in files:
        if file.annotation is not None:
            check_classes(file.filename, file.annotation, target)
    stored = platform.blobs.add_many(file.path for file in files)
    digests = list(_counted(stored, len(files), lambda n: say(0.1 + 0.8 * n, "storing")))
    say(0.9, "adding")
    if target.head < 0:
        platform.datasets.create(name=dataset, task=target.task, classes=target.classes)
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.jsonl"
        with rows.open("wb") as out:
            out.writelines(_row(f, d) for f, d in zip(files, digests, strict=True))
        added = platform.datasets.add(dataset, rows=platform.blobs.add(rows))
    say(1.0, "done")
    return added


def pull(
    platform: Place,
    dataset: str,
    version: int | None = None,
    *,
    into: str | Path,
    format: str | None = None,
    progress: Progress | None = None,
) -> Version:
    """Write a version's files into a folder, byte for byte; the latest when `version` is None.

    Files get their names; the manifest and the annotations go to `.viseon/`. With `format`, files
    and annotations are laid out in that format instead. A pull that was interrupted goes on where
    it stopped. Raises Failed when any byte differs from what the version promises.
    """
    root = Path(into).expanduser()
    number = version or platform.datasets.get(dataset).head
    found = platform.datasets.version(dataset, number or 1)
    manifest = platform.blobs.get(platform.datasets.manifest(dataset, found.number))
    if digest_of(manifest) != found.fingerprint:
        raise Failed(f"the manifest of {found.ref} is not what its fingerprint promises")
    labels = platform.blobs.get(platform.datasets.annotations(dataset, found.number))
    if format is None:
        _pull_plain(platform.blobs, manifest, labels, root, progress or _silence)
    else:
        writer: Format = plugins.find("format", format).make({})
        _pull_as(platform.blobs, (manifest, labels), root, writer, progress or _silence)
    return found


def _pull_plain(
    blobs: BlobStore, manifest: bytes, labels: bytes, root: Path, say: Progress
) -> None:
    _, samples = _parsed(manifest)
    _fetch(blobs, [(root / sample.filename, sample.digest) for sample in samples], say)
    aside = root / ".viseon"
    aside.mkdir(parents=True, exist_ok=True)
    for name, data in (("annotations", labels), ("manifest", manifest)):
        _write(aside / f"{name}.jsonl", io.BytesIO(data), digest_of(data))


def _pull_as(
    blobs: BlobStore, version: tuple[bytes, bytes], root: Path, writer: Format, say: Progress
) -> None:
    if root.exists() and any(root.iterdir()):
        raise Conflict(f"{root} is not empty", fix="name a new folder")
    manifest, labels = version
    classes, samples = _parsed(manifest)
    by_digest = {digest_of(line): line for line in labels.splitlines()}
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".viseon-pull-") as scratch:
        folder = Path(scratch)
        targets = {s.digest: folder / "blobs" / s.digest for s in samples}
        _fetch(blobs, [(path, digest) for digest, path in targets.items()], say)
        files = (_labelled(s, targets[s.digest], by_digest) for s in samples)
        writer.write(folder / "out", files, classes)
        if root.exists():
            root.rmdir()
        os.replace(folder / "out", root)


def _labelled(sample: Sample, path: Path, labels: dict[Digest, bytes]) -> LabelledFile:
    annotation = None
    if sample.annotation is not None:
        annotation = Annotation.model_validate_json(labels[sample.annotation])
    return LabelledFile(
        path, sample.filename, annotation, sample.split,
        sample.width, sample.height, sample.metadata,
    )  # fmt: skip


def _parsed(manifest: bytes) -> tuple[tuple[str, ...], list[Sample]]:
    file = io.BytesIO(manifest)
    header = header_of(file)
    return header.classes, list(samples_of(file))


def _format(root: Path, name: str | None) -> Format:
    if name is not None:
        chosen: Format = plugins.find("format", name).make({})
        return chosen
    found: dict[str, Format] = {}
    for known in sorted(plugins.names("format")):
        candidate: Format = plugins.find("format", known).make({})
        if candidate.recognises(root):
            found[known] = candidate
    if len(found) > 1:
        found.pop("folder", None)
    if list(found) == ["folder"] and (unread := _labels_nobody_reads(root)) is not None:
        raise Invalid(
            f"{root}: there are pictures, but no format here reads {unread.relative_to(root)}",
            fix="--format folder imports the pictures without their labels",
        )
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise Invalid(f"{root} looks like {' and '.join(found)}", fix="say which: format=…")
    raise Invalid(
        f"{root}: no pictures and no annotations that any format knows",
        fix=f"check the path; known formats: {', '.join(sorted(plugins.names('format')))}",
    )


def _labels_nobody_reads(root: Path) -> Path | None:
    """A file that looks like annotations; importing the pictures alone would lose them silently."""
    for path in sorted(root.rglob("*")):
        labels = path.suffix.lower() in (".xml", ".json", ".jsonl") or path.name == "gt.txt"
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if labels and not hidden and path.is_file():
            return path
    return None


def _target(platform: Place, name: str, classes: tuple[str, ...]) -> Dataset:
    """The dataset as it is, or as it would be created (then its head is -1)."""
    try:
        return platform.datasets.get(name)
    except NotFound:
        return Dataset(name=name, classes=classes, head=-1, created=datetime.now(UTC))


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _row(file: LabelledFile, digest: Digest) -> bytes:
    row = Row(
        filename=file.filename,
        digest=digest,
        annotation=file.annotation,
        split=file.split,
        width=file.width,
        height=file.height,
        metadata=dict(file.metadata),
    )
    return canonical_json(row.model_dump(mode="json", exclude_defaults=True)) + b"\n"


def _fetch(blobs: BlobStore, targets: Sequence[tuple[Path, Digest]], say: Progress) -> None:
    def fetch(target: tuple[Path, Digest]) -> None:
        path, digest = target
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with blobs.open(digest) as source:
                _write(path, source, digest)
        elif _digest(path) != digest:
            raise Conflict(
                f"{path} is there already, with other bytes",
                fix="name a new folder; on this disk names may also differ only in case",
            )

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in _counted(pool.map(fetch, targets), len(targets), lambda n: say(n, "pulling")):
            pass


def _write(path: Path, source: BinaryIO, digest: Digest) -> None:
    """The whole file or none of it; raises Failed when the bytes are not those promised."""
    hasher = hashlib.sha256()
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with partial.open("xb") as out:
            while chunk := source.read(CHUNK):
                hasher.update(chunk)
                out.write(chunk)
        if hasher.hexdigest() != digest:
            raise Failed(f"{path.name}: the bytes that arrived are not those of the version")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _counted(values: Iterable[T], total: int, say: Callable[[float], None]) -> Iterator[T]:
    step = max(1, total // 100)
    for number, value in enumerate(values, 1):
        yield value
        if number % step == 0 or number == total:
            say(number / total)


def _silence(done: float, stage: str) -> None:
    """Nobody asked."""
