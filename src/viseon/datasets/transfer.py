"""Folders into datasets and versions into folders, on any platform, near or far."""

import io
import os
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from viseon import plugins
from viseon.datasets.archive import is_archive, unpacked
from viseon.datasets.content import check_name, check_shapes, composed, task_of
from viseon.datasets.disks import check_case, room
from viseon.datasets.incoming import check_classes
from viseon.datasets.links import check_links, readable
from viseon.datasets.manifest import header_of, samples_of
from viseon.datasets.materialise import Link, Target, choose, materialise, write
from viseon.datasets.recognise import format_for
from viseon.datasets.service import Datasets
from viseon.datasets.typed import check_fields
from viseon.ports import BlobStore, Format, LabelledFile, LocalBlobs
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
from viseon.schema.dataset import plain_members

Options = Mapping[str, Any]
Progress = Callable[[float, str], None]
"""How much is done, from 0 to 1, and what is being done."""

STAGES: dict[Link, str] = {
    "copy": "copies",
    "hardlink": "hard links to the store, read-only",
    "reflink": "clones that share the store's blocks",
}
"""What `progress` hears while files are written."""


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


def import_folder(  # noqa: PLR0913 (one per fact)
    platform: Place,
    folder: str | Path,
    *,
    dataset: str,
    format: str | None = None,
    options: Options = {},  # noqa: B006 (read only)
    classes: tuple[str, ...] | None = None,
    progress: Progress | None = None,
) -> Added:
    """Put everything in `folder` into the working area of `dataset`, creating it if need be.

    `folder` may be an archive: zip or tar. The format is recognised unless named; `options` are
    that format's. A new dataset gets the task that its labels are for; `classes` fixes its classes
    and their order. Files are hashed here; only bytes the platform lacks are sent, once all is
    checked; a store on this machine takes the first files while the next are read. Samples are
    added all or none. Raises Invalid that names the file at fault and the fix.
    """
    root = Path(folder).expanduser()
    if root.is_file():
        if not is_archive(root):
            raise Invalid(f"{root} is a file", fix="name its folder, or a .zip or .tar.gz of it")
        with unpacked(root) as inner:
            return import_folder(
                platform, inner, dataset=dataset, format=format, options=options,
                classes=classes, progress=progress,
            )  # fmt: skip
    if not root.is_dir():
        raise NotFound(f"there is no folder {root}", fix="check the path")
    say = progress or _silence
    with readable(root):
        expected = check_links(root)
        contents = format_for(root, format, options).read(root)
    target = _target(platform, dataset, contents.classes if classes is None else classes)
    files: list[LabelledFile] = []
    say(0.0, "reading")
    with room(Path(tempfile.gettempdir())), tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.jsonl"
        reading = _checked(contents.files, files, target, root)
        wanted: Iterable[LabelledFile] = reading
        if not isinstance(platform.blobs, LocalBlobs):
            wanted = list(reading)
        digests = platform.blobs.add_many(file.path for file in wanted)
        with rows.open("wb") as out, _unchanged(root):
            out.write(canonical_json({"upload": secrets.token_hex(16)}) + b"\n")
            for number, digest in enumerate(_counted(digests, expected, say)):
                out.write(_row(files[number], digest))
        if not files:
            raise Invalid(f"{root}: there are no pictures in it", fix="check the path")
        say(0.9, "adding")
        if target.head < 0:
            task = contents.task or task_of(files)
            with suppress(Conflict):  # somebody else was quicker
                platform.datasets.create(name=dataset, task=task, classes=target.classes)
        added = platform.datasets.add(dataset, rows=platform.blobs.add(rows))
    say(1.0, "done")
    return added


def pull(  # noqa: PLR0913 (one per fact)
    platform: Place,
    dataset: str,
    version: int | None = None,
    *,
    into: str | Path,
    format: str | None = None,
    options: Options = {},  # noqa: B006 (read only)
    link: Link = "auto",
    progress: Progress | None = None,
) -> Version:
    """Write a version's files into a folder, byte for byte; the latest when `version` is None.

    Files get their names; manifest, annotations and certificate go to `.viseon/`. With `format`,
    files and annotations are laid out in that format instead; `options` are that format's. Erased
    samples are left out; the manifest lists them. A pull that was interrupted goes on where it
    stopped. From a store on this machine files are cloned, hard-linked (then they are read-only)
    or copied, as `link` says or the disk can; `progress` tells which. Raises Failed when any byte
    differs from what the version promises.
    """
    root = Path(into).expanduser()
    number = version or platform.datasets.get(dataset).head
    found = platform.datasets.version(dataset, number or 1)
    manifest = platform.blobs.get(platform.datasets.manifest(dataset, found.number))
    if digest_of(manifest) != found.manifest:
        raise Failed(f"the manifest of {found.ref} is not what its fingerprint promises")
    labels = platform.blobs.get(platform.datasets.annotations(dataset, found.number))
    with room(root):
        if format is None:
            books = (manifest, labels, certificate_of(platform, found))
            _pull_plain(platform.blobs, books, root, link, progress or _silence)
        else:
            writer: Format = plugins.find("format", format).make(options)
            _pull_as(platform.blobs, (manifest, labels), root, writer, progress or _silence)
    return found


def certificate_of(platform: Place, version: Version) -> bytes:
    """Its canonical JSON: `sha256sum` of it is what the version says; empty where there is none."""
    if version.certificate is None:
        return b""
    return canonical_json(platform.datasets.certificate(version.dataset, version.number))


def _pull_plain(
    blobs: BlobStore, version: tuple[bytes, bytes, bytes], root: Path, link: Link, say: Progress
) -> None:
    manifest, labels, certificate = version
    _, samples = _parsed(manifest)
    check_case(root, (s.filename for s in samples if not s.erased))
    targets = [(root / s.filename, s.digest) for s in samples if not s.erased]
    _fetch(blobs, targets, root, link, say)
    aside = root / ".viseon"
    aside.mkdir(parents=True, exist_ok=True)
    named = {"annotations.jsonl": labels, "manifest.jsonl": manifest}
    if certificate:
        named["certificate.json"] = certificate
    for name, data in named.items():
        write(aside / name, io.BytesIO(data), digest_of(data))


def _pull_as(
    blobs: BlobStore, version: tuple[bytes, bytes], root: Path, writer: Format, say: Progress
) -> None:
    if root.exists() and any(root.iterdir()):
        raise Conflict(f"{root} is not empty", fix="name a new folder")
    manifest, labels = version
    classes, listed = _parsed(manifest)
    samples = [s for s in listed if not s.erased]
    by_digest = {digest_of(line): line for line in labels.splitlines()}
    root.parent.mkdir(parents=True, exist_ok=True)
    check_case(root.parent, (s.filename for s in samples))
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=".viseon-pull-") as scratch:
        folder = Path(scratch)
        targets = {s.digest: folder / "blobs" / s.digest for s in samples}
        wanted = [(path, digest) for digest, path in targets.items()]
        _fetch(blobs, wanted, folder, "auto", say)
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


def _target(platform: Place, name: str, classes: tuple[str, ...]) -> Dataset:
    """The dataset as it is, or as it would be created (then its head is -1)."""
    try:
        return platform.datasets.get(name)
    except NotFound:
        return Dataset(name=name, classes=classes, head=-1, created=datetime.now(UTC))


@contextmanager
def _unchanged(root: Path) -> Iterator[None]:
    """A file that cannot be read any more becomes Invalid that names it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:  # a full disk, say
            raise
        path = Path(os.fsdecode(error.filename))
        if not path.is_relative_to(root):
            raise
        raise Invalid(
            f"{path.relative_to(root)}: it changed while it was imported: {error.strerror}",
            fix="leave the folder as it is meanwhile, and import it again; nothing was added",
        ) from error


def _checked(
    found: Iterable[LabelledFile], files: list[LabelledFile], target: Dataset, root: Path
) -> Iterator[LabelledFile]:
    """What a format read, once it was held against the dataset; `files` keeps it."""
    seen: dict[str, LabelledFile] = {}
    with readable(root):
        for file in map(composed, found):
            check_name(file, seen)
            check_shapes(file)
            check_fields(file.filename, file.metadata, target)
            if file.annotation is not None:
                check_classes(file.filename, file.annotation, target)
            files.append(file)
            yield file


def _row(file: LabelledFile, digest: Digest) -> bytes:
    if file.annotation is None and not file.metadata:
        said = plain_members(
            file.filename, digest, file.split, file.width, file.height,
            between='"metadata":{},',  # reading it costs less than not
        )  # fmt: skip
        return f"{{{said}}}\n".encode()
    row = Row.model_validate(
        {
            "filename": file.filename,
            "digest": digest,
            "split": file.split,
            "width": file.width,
            "height": file.height,
            "annotation": file.annotation,
            "metadata": dict(file.metadata),
        }
    )
    return canonical_json(row.model_dump(mode="json", exclude_defaults=True)) + b"\n"


def _fetch(
    blobs: BlobStore, targets: Sequence[Target], folder: Path, link: Link, say: Progress
) -> None:
    if not targets:
        return
    how = choose(blobs, folder, targets[0][1], link)
    step = max(1, len(targets) // 100)

    def count(done: int) -> None:
        if done % step == 0 or done == len(targets):
            say(done / len(targets), STAGES[how])

    materialise(blobs, targets, how, count)


def _counted(digests: Iterable[Digest], expected: int, say: Progress) -> Iterator[Digest]:
    step = max(1, expected // 100)
    for number, digest in enumerate(digests, 1):
        yield digest
        if number % step == 0:
            say(0.9 * min(1.0, number / max(1, expected)), "storing")


def _silence(done: float, stage: str) -> None:
    """Nobody asked."""
