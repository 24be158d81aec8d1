"""Datasets: create, add, commit, look back."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from viseon.datasets.freeze import freeze, key, look_at, settle, version_of, written
from viseon.datasets.history import Status, fork, revert, status
from viseon.datasets.history import tag as name_version
from viseon.datasets.incoming import read_rows
from viseon.datasets.verify import Verification, verify
from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Images, Records
from viseon.schema import (
    Added,
    Annotation,
    Certificate,
    Change,
    Clock,
    Conflict,
    Dataset,
    Diff,
    Digest,
    Filename,
    Invalid,
    Name,
    NotFound,
    Page,
    Ratios,
    Role,
    Sample,
    Task,
    Version,
)

T = TypeVar("T")
LOOKS = 500
"""Files looked at between two writes."""

Near = Annotated[int, Field(ge=0, lt=64)] | None
Number = Annotated[int, Field(ge=1)]
"""Versions count from 1."""


class Datasets:
    """Collections of samples and their versions."""

    def __init__(
        self, catalog: Catalog, blobs: BlobStore, now: Clock, images: Images | None = None
    ) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._now = now
        self._images = images

    @operation("GET", "/datasets", needs=Role.VIEWER)
    def find(self, *, cursor: str = "", limit: Limit = 50) -> Page[Dataset]:
        """All datasets, by name."""
        with self._catalog.read() as records:
            found = records.find(Dataset, after=cursor, limit=limit + 1)
        return _page(found, limit, [d.name for d in found])

    @operation("POST", "/datasets", needs=Role.EDITOR)
    def create(
        self,
        *,
        name: Name,
        task: Task = Task.DETECT,
        classes: tuple[str, ...] = (),
        ratios: Ratios | None = None,
        near: Near = None,
        gap_s: Annotated[float, Field(ge=0)] = 30.0,
    ) -> Dataset:
        """Create an empty dataset; `ratios` says how samples spread over train, val and test.

        Files with equal bytes, of one `session` or `video`, or taken by one camera within `gap_s`
        seconds share a split. So do look-alikes, whose perceptual hashes differ in at most `near`
        of 128 bits (26 finds copies that were re-encoded, resized or cropped a little).
        """
        _distinct(classes)
        if ratios is not None and not any(ratios.values()):
            raise Invalid("ratios: all are zero", fix="such as train=8 val=1 test=1")
        dataset = Dataset(
            name=name, task=task, classes=classes, near=near, gap_s=gap_s, created=self._now()
        )
        if ratios is not None:
            dataset = dataset.model_copy(update={"ratios": ratios})
        with self._catalog.transaction() as records:
            if records.seek(Dataset, name) is not None:
                raise Conflict(f"dataset {name!r} already exists", fix="choose another name")
            records.put(name, dataset)
        return dataset

    @operation("GET", "/datasets/{dataset}", needs=Role.VIEWER)
    def get(self, dataset: Name) -> Dataset:
        """One dataset."""
        with self._catalog.read() as records:
            return records.get(Dataset, dataset)

    @operation("POST", "/datasets/{dataset}/classes", needs=Role.EDITOR)
    def add_classes(self, dataset: Name, *, classes: tuple[str, ...]) -> Dataset:
        """Append classes; those the dataset knows already stay where they are."""
        _distinct(classes)
        with self._catalog.transaction() as records:
            found = records.get(Dataset, dataset)
            new = tuple(c for c in classes if c not in found.classes)
            grown = found.model_copy(update={"classes": found.classes + new})
            if new:
                records.put(dataset, grown)
        return grown

    @operation("POST", "/datasets/{dataset}/samples", needs=Role.EDITOR)
    def add(self, dataset: Name, *, rows: Digest) -> Added:
        """Put samples into the working area, all or none.

        `rows` is the digest of an uploaded blob with one JSON `Row` per line; the files they name
        are uploaded before.
        """
        with self._catalog.transaction() as records:
            current = records.get(Dataset, dataset)
            with self._blobs.open(rows) as file:
                samples = read_rows(file, current, self._blobs, records.samples)
                added = records.samples.add(dataset, samples)
        self._blobs.delete(rows)  # it was only the envelope
        self._look(dataset)
        return added

    @operation("GET", "/datasets/{dataset}/samples", needs=Role.VIEWER)
    def samples(
        self, dataset: Name, *, version: Number | None = None, cursor: str = "", limit: Limit = 100
    ) -> Page[Sample]:
        """The samples of a version, or of the working area, by filename."""
        with self._catalog.read() as records:
            _check(records, dataset, version)
            found = records.samples.page(dataset, version=version, after=cursor, limit=limit + 1)
        return _page(found, limit, [s.filename for s in found])

    @operation("GET", "/datasets/{dataset}/sample", needs=Role.VIEWER)
    def sample(self, dataset: Name, *, filename: Filename, version: Number | None = None) -> Sample:
        """One sample of a version, or of the working area."""
        with self._catalog.read() as records:
            _check(records, dataset, version)
            return records.samples.get(dataset, filename, version=version)

    @operation("GET", "/datasets/{dataset}/annotation", needs=Role.VIEWER)
    def annotation(
        self, dataset: Name, *, filename: Filename, version: Number | None = None
    ) -> Annotation:
        """What is said to be in one sample of a version, or of the working area."""
        with self._catalog.read() as records:
            _check(records, dataset, version)
            sample = records.samples.get(dataset, filename, version=version)
            if sample.annotation is None:
                raise NotFound(f"nothing is said about {filename!r}", fix="annotate it first")
            return records.samples.annotations([sample.annotation])[sample.annotation]

    @operation("POST", "/datasets/{dataset}/removals", needs=Role.EDITOR)
    def remove(self, dataset: Name, *, filenames: tuple[Filename, ...]) -> int:
        """Take samples out of the working area; versions keep them. Returns how many there were."""
        with self._catalog.transaction() as records:
            records.get(Dataset, dataset)
            return records.samples.remove(dataset, filenames)

    @operation("POST", "/datasets/{dataset}/versions", needs=Role.EDITOR)
    def commit(self, dataset: Name, *, message: str = "") -> Version:
        """Freeze the working area as the next version."""
        self._look(dataset)
        with self._catalog.transaction() as records:
            current = records.get(Dataset, dataset)
            decision = settle(records, current)
            if not _differs(records, current):
                held = len(decision.held)
                raise Conflict(
                    f"nothing to commit in dataset {dataset!r}"
                    + (f": {held} samples are quarantined" if held else ""),
                    fix="add or remove samples first",
                )
            return freeze(records, current, decision, message, self._now)

    @operation("GET", "/datasets/{dataset}/versions", needs=Role.VIEWER)
    def log(self, dataset: Name, *, cursor: str = "", limit: Limit = 20) -> Page[Version]:
        """The versions, newest first."""
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            found = records.find(
                Version, prefix=f"{dataset}@", after=cursor, limit=limit + 1, newest_first=True
            )
        return _page(found, limit, [key(dataset, v.number) for v in found])

    @operation("GET", "/datasets/{dataset}/versions/{number}", needs=Role.VIEWER)
    def version(self, dataset: Name, number: Number) -> Version:
        """One version."""
        with self._catalog.read() as records:
            return version_of(records, dataset, number)

    @operation("GET", "/datasets/{dataset}/status", needs=Role.VIEWER)
    def status(self, dataset: Name) -> Status:
        """What a commit would freeze now, and who is quarantined."""
        with self._catalog.read() as records:
            return status(records, records.get(Dataset, dataset))

    @operation("PUT", "/datasets/{dataset}/versions/{number}/tags", needs=Role.EDITOR)
    def tag(self, dataset: Name, number: Number, *, tag: Name) -> Version:
        """Name a version, such as `golden`; the name leaves any other version of the dataset."""
        with self._catalog.transaction() as records:
            return name_version(records, dataset, number, tag)

    @operation("POST", "/datasets/{dataset}/versions/{number}/reverts", needs=Role.EDITOR)
    def revert(self, dataset: Name, number: Number) -> Status:
        """Make the working area what a version holds: committed, it has the same fingerprint."""
        with self._catalog.transaction() as records:
            revert(records, records.get(Dataset, dataset), number)
            return status(records, records.get(Dataset, dataset))

    @operation("POST", "/datasets/{dataset}/versions/{number}/forks", needs=Role.EDITOR)
    def fork(self, dataset: Name, number: Number, *, name: Name) -> Version:
        """A new dataset that begins as this version: equal rows, splits and fingerprint."""
        with self._catalog.transaction() as records:
            return fork(records, version_of(records, dataset, number), name, self._now)

    @operation("GET", "/datasets/{dataset}/diff", needs=Role.VIEWER)
    def diff(
        self,
        dataset: Name,
        *,
        old: Annotated[int, Field(ge=0)],
        new: Number | None = None,
        cursor: str = "",
        limit: Limit = 100,
    ) -> Diff:
        """What changed between two versions; without `new`, what a commit would freeze now."""
        with self._catalog.read() as records:
            _check(records, dataset, old or None)
            _check(records, dataset, new)
            counts: Counter[str] = Counter()
            shown: list[Change] = []
            for change in records.samples.changes(dataset, old, new):
                counts[change.kind] += 1
                if change.filename > cursor and len(shown) <= limit:
                    shown.append(change)
        more = shown[limit - 1].filename if len(shown) > limit else None
        kinds = ("added", "removed", "modified", "relabelled", "moved", "described")
        totals = {kind: counts[kind] for kind in kinds}
        return Diff(
            dataset=dataset, old=old, new=new, **totals, changes=tuple(shown[:limit]), next=more
        )

    @operation("GET", "/datasets/{dataset}/versions/{number}/manifest", needs=Role.VIEWER)
    def manifest(self, dataset: Name, number: Number) -> Digest:
        """The digest of a blob that holds the manifest: it is the version's fingerprint."""
        with self._catalog.read() as records:
            version = version_of(records, dataset, number)
            if version.fingerprint not in self._blobs:
                self._store(written(records, version, number))
        return version.fingerprint

    @operation("GET", "/datasets/{dataset}/versions/{number}/annotations", needs=Role.VIEWER)
    def annotations(self, dataset: Name, number: Number) -> Digest:
        """The digest of a blob with the canonical JSON of each annotation on its own line."""
        with self._catalog.read() as records:
            version_of(records, dataset, number)
            return self._store(_annotations(records, dataset, number))

    @operation("GET", "/datasets/{dataset}/versions/{number}/certificate", needs=Role.VIEWER)
    def certificate(self, dataset: Name, number: Number) -> Certificate:
        """What was checked so that nothing leaks from one split into another."""
        with self._catalog.read() as records:
            version_of(records, dataset, number)
            return records.get(Certificate, key(dataset, number))

    @operation("GET", "/datasets/{dataset}/versions/{number}/verification", needs=Role.VIEWER)
    def verify(self, dataset: Name, number: Number) -> Verification:
        """Check every byte, label and split of a version against its fingerprint and certificate.

        Nothing is believed: manifest, files and looks are read and computed again.
        """
        with self._catalog.read() as records:
            version = version_of(records, dataset, number)
            certificate = records.seek(Certificate, key(dataset, number))
            return verify(records, version, certificate, self._blobs, self._images)

    def _look(self, dataset: str) -> None:
        """See newcomers before anybody waits for a commit."""
        if self._images is None:
            return
        with self._catalog.read() as records:
            if records.get(Dataset, dataset).near is None:
                return
            unseen = records.kinship.unseen(s.digest for s in records.samples.pending(dataset))
        for start in range(0, len(unseen), LOOKS):
            looks = look_at(self._blobs, self._images, unseen[start : start + LOOKS])
            with self._catalog.transaction() as records:
                records.kinship.see(looks)

    def _store(self, chunks: Iterator[bytes]) -> Digest:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "blob"
            with path.open("wb") as file:
                file.writelines(chunks)
            return self._blobs.add(path)


def _check(records: Records, dataset: str, number: int | None) -> None:
    if number is None:
        records.get(Dataset, dataset)
    else:
        version_of(records, dataset, number)


def _differs(records: Records, dataset: Dataset) -> bool:
    if dataset.head and version_of(records, dataset.name, dataset.head).classes != dataset.classes:
        return True
    return any(True for _ in records.samples.changes(dataset.name, dataset.head, None, limit=1))


def _annotations(records: Records, dataset: str, number: int) -> Iterator[bytes]:
    seen: set[Digest] = set()
    batch: list[Digest] = []
    for sample in records.samples.rows(dataset, version=number):
        if sample.annotation and sample.annotation not in seen:
            seen.add(sample.annotation)
            batch.append(sample.annotation)
        if len(batch) == 1000:
            yield from (a.content + b"\n" for a in records.samples.annotations(batch).values())
            batch.clear()
    yield from (a.content + b"\n" for a in records.samples.annotations(batch).values())


def _distinct(classes: tuple[str, ...]) -> None:
    twice = [name for name, n in Counter(classes).items() if n > 1 or not name.strip()]
    if twice:
        raise Invalid(f"classes: {twice[0]!r} is empty or named twice", fix="name each class once")


def _page(found: list[T], limit: int, keys: list[str]) -> Page[T]:
    return Page(items=tuple(found[:limit]), next=keys[limit - 1] if len(found) > limit else None)
