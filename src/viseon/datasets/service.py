"""Datasets: create, add, commit, look back."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field

from viseon.datasets import manifest
from viseon.datasets.incoming import read_rows
from viseon.datasets.split import decide
from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Records
from viseon.schema import (
    Added,
    Annotation,
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
Number = Annotated[int, Field(ge=1)]
"""Versions count from 1."""


class Datasets:
    """Collections of samples and their versions."""

    def __init__(self, catalog: Catalog, blobs: BlobStore, now: Clock) -> None:
        self._catalog = catalog
        self._blobs = blobs
        self._now = now

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
    ) -> Dataset:
        """Create an empty dataset; `ratios` says how samples spread over train, val and test."""
        _distinct(classes)
        if ratios is not None and not any(ratios.values()):
            raise Invalid("ratios: all are zero", fix="such as train=8 val=1 test=1")
        dataset = Dataset(name=name, task=task, classes=classes, created=self._now())
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
        with self._catalog.transaction() as records:
            current = records.get(Dataset, dataset)
            parent = _version(records, dataset, current.head) if current.head else None
            held = _settle(records, current)
            if not _differs(records, current, parent):
                raise Conflict(
                    f"nothing to commit in dataset {dataset!r}"
                    + (f": {held} samples are quarantined" if held else ""),
                    fix="add or remove samples first",
                )
            number = current.head + 1
            records.samples.freeze(dataset, number)
            counts = records.samples.count(dataset, version=number)
            version = Version(
                dataset=dataset,
                number=number,
                fingerprint=manifest.fingerprint(_manifest(records, current, number)),
                parent=parent.fingerprint if parent else None,
                samples=sum(counts.values()),
                splits={split: n for split, n in counts.items() if split},
                task=current.task,
                classes=current.classes,
                message=message,
                quarantined=held,
                created=self._now(),
                created_by=records.by,
            )
            records.put(_key(dataset, number), version)
            records.put(dataset, current.model_copy(update={"head": number}))
        return version

    @operation("GET", "/datasets/{dataset}/versions", needs=Role.VIEWER)
    def log(self, dataset: Name, *, cursor: str = "", limit: Limit = 20) -> Page[Version]:
        """The versions, newest first."""
        with self._catalog.read() as records:
            records.get(Dataset, dataset)
            found = records.find(
                Version, prefix=f"{dataset}@", after=cursor, limit=limit + 1, newest_first=True
            )
        return _page(found, limit, [_key(dataset, v.number) for v in found])

    @operation("GET", "/datasets/{dataset}/versions/{number}", needs=Role.VIEWER)
    def version(self, dataset: Name, number: Number) -> Version:
        """One version."""
        with self._catalog.read() as records:
            return _version(records, dataset, number)

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
            version = _version(records, dataset, number)
            if version.fingerprint not in self._blobs:
                self._store(_manifest(records, version, number))
        return version.fingerprint

    @operation("GET", "/datasets/{dataset}/versions/{number}/annotations", needs=Role.VIEWER)
    def annotations(self, dataset: Name, number: Number) -> Digest:
        """The digest of a blob with the canonical JSON of each annotation on its own line."""
        with self._catalog.read() as records:
            _version(records, dataset, number)
            return self._store(_annotations(records, dataset, number))

    def _store(self, chunks: Iterator[bytes]) -> Digest:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "blob"
            with path.open("wb") as file:
                file.writelines(chunks)
            return self._blobs.add(path)


def _key(dataset: str, number: int) -> str:
    return f"{dataset}@{number:08d}"


def _version(records: Records, dataset: str, number: int) -> Version:
    found = records.seek(Version, _key(dataset, number))
    if found is None:
        head = records.get(Dataset, dataset).head
        known = f"it has versions 1 to {head}" if head else "it has none yet: commit first"
        raise NotFound(f"dataset {dataset!r} has no version {number}", fix=known)
    return found


def _check(records: Records, dataset: str, number: int | None) -> None:
    if number is None:
        records.get(Dataset, dataset)
    else:
        _version(records, dataset, number)


def _settle(records: Records, dataset: Dataset) -> int:
    """Give pending samples a split, put those aside that may not have one; returns how many."""
    pending = list(records.samples.pending(dataset.name))
    homes = records.samples.homes(dataset.name, {s.digest for s in pending})
    counts = records.samples.count(dataset.name, version=dataset.head) if dataset.head else {}
    decision = decide(pending, homes, counts, dataset.ratios)
    records.samples.assign(dataset.name, decision.splits)
    records.samples.hold(dataset.name, decision.held)
    return len(decision.held)


def _differs(records: Records, dataset: Dataset, parent: Version | None) -> bool:
    if parent is not None and parent.classes != dataset.classes:
        return True
    return any(True for _ in records.samples.changes(dataset.name, dataset.head, None, limit=1))


def _manifest(records: Records, of: Dataset | Version, number: int) -> Iterator[bytes]:
    name = of.name if isinstance(of, Dataset) else of.dataset
    return manifest.manifest(of.task, of.classes, records.samples.lines(name, version=number))


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
