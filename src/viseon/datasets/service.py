"""Datasets: create, add, commit, look back."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, TypeVar

from pydantic import Field

from viseon.datasets.adopt import MadeOf, adopt, glance
from viseon.datasets.books import admitted, check_free, delete, restore
from viseon.datasets.comparing import Comparing
from viseon.datasets.describe import Describing
from viseon.datasets.fields import Fields
from viseon.datasets.freeze import freeze, look_at, settle, version_of
from viseon.datasets.history import Looked, Status, check_committed, fork, revert, status
from viseon.datasets.incoming import read_rows
from viseon.datasets.looking import Looking, Number, page_of
from viseon.datasets.query.ask import Count, asked_for
from viseon.operation import Limit, operation
from viseon.ports import BlobStore, Catalog, Images, Records, Report
from viseon.schema import (
    Added,
    Annotation,
    Change,
    Clock,
    Conflict,
    Dataset,
    Deleted,
    Diff,
    Digest,
    Filename,
    Invalid,
    Name,
    NotFound,
    Page,
    Ratios,
    Resources,
    Role,
    Sample,
    Task,
    Version,
)

T = TypeVar("T")
LOOKS = 500
"""Files looked at between two writes, and at most while they are added."""

Near = Annotated[int, Field(ge=0, lt=64)] | None
COPIES = 16
"""Bits that tell copies from strangers even before one fixed camera: there frames with other people
in them differ in 20 and more, re-encoded, resized, brightened and slightly cropped ones in fewer.
"""


class Datasets(Comparing, Describing, Fields, Looking):
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
        return page_of(found, limit, [d.name for d in found])

    @operation("POST", "/datasets", needs=Role.EDITOR)
    def create(
        self,
        *,
        name: Name,
        task: Task = Task.DETECT,
        classes: tuple[str, ...] = (),
        ratios: Ratios | None = None,
        near: Near = COPIES,
        gap_s: Annotated[float, Field(ge=0)] = 30.0,
    ) -> Dataset:
        """Create an empty dataset; `ratios` says how samples spread over train, val and test.

        Files with equal bytes, of one `session` or `video`, or taken by one camera within `gap_s`
        seconds share a split. So do look-alikes, whose perceptual hashes differ in at most `near`
        of 128 bits: 16 finds copies that were re-encoded, resized, brightened or cropped a little,
        26 nearly all of them, but also different moments before a fixed camera. None: no looking.
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
            check_free(records, name)
            records.put(name, dataset)
        return dataset

    @operation("DELETE", "/datasets/{dataset}", needs=Role.EDITOR)
    def delete(self, dataset: Name, *, force: bool = False) -> Deleted:
        """Put a dataset aside; `restore` brings it back until a collection removes it for good.

        Refused where models or runs learned from it, unless `force`: then their past is lost too.
        """
        with self._catalog.transaction() as records:
            return delete(records, dataset, self._now, force=force)

    @operation("POST", "/datasets/{dataset}/restoration", needs=Role.EDITOR)
    def restore(self, dataset: Name) -> Dataset:
        """Bring a deleted dataset back, with all its versions."""
        with self._catalog.transaction() as records:
            return restore(records, dataset)

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
        are uploaded before. A first line `{"upload": "…"}` with anything that differs each time
        keeps apart two uploads of the same rows at the same time.
        """
        with self._catalog.transaction() as records:
            current = records.get(Dataset, dataset)
            with self._blobs.open(rows) as file:
                samples = read_rows(file, current, self._blobs, records.samples)
                added = records.samples.add(dataset, admitted(records, samples))
        self._blobs.delete(rows)  # it was only the envelope
        if added.added + added.replaced <= LOOKS:
            for _ in self._see(self._pending(dataset), most=LOOKS):
                pass
        return added

    @operation("GET", "/datasets/{dataset}/samples", needs=Role.VIEWER)
    def samples(
        self,
        dataset: Name,
        *,
        version: Number | None = None,
        where: str = "",
        view: str = "",
        cursor: str = "",
        limit: Limit = 100,
    ) -> Page[Sample]:
        """The samples of a version, or of the working area, by filename.

        `where` is an expression such as `split == "val" and count("person") >= 3`, `view` the name
        of a saved one; with both, samples must match both.
        """
        with self._catalog.read() as records:
            _check(records, dataset, version)
            asked = asked_for(records, dataset, where=where, view=view)
            found = records.samples.page(
                dataset, version=version, after=cursor, limit=limit + 1, where=asked
            )
        return page_of(found, limit, [s.filename for s in found])

    @operation("GET", "/datasets/{dataset}/count", needs=Role.VIEWER)
    def count(
        self, dataset: Name, *, version: Number | None = None, where: str = "", view: str = ""
    ) -> Count:
        """How many samples of a version, or of the working area, match; in all and by split."""
        with self._catalog.read() as records:
            _check(records, dataset, version)
            asked = asked_for(records, dataset, where=where, view=view)
            splits = records.samples.count(dataset, version=version, where=asked)
        return Count(total=sum(splits.values()), splits=splits)

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

    @operation(
        "POST",
        "/datasets/{dataset}/looks",
        needs=Role.EDITOR,
        takes=Resources(cores=2, ram_mb=500),
    )
    def look(self, dataset: Name, *, report: Report) -> Looked:
        """Look at the pictures that a commit would have to look at, to find those that are alike.

        A commit does it by itself; for many pictures this shows progress and can be cancelled:
        what was looked at stays known.
        """
        pending = self._pending(dataset)
        looked = 0
        for done, total in self._see(pending):
            looked = done
            report.progress(done / total, "looking at pictures")
            if report.cancelled:
                break
        return Looked(pictures=looked)

    @operation("POST", "/datasets/{dataset}/versions", needs=Role.EDITOR)
    def commit(self, dataset: Name, *, message: str = "") -> Version:
        """Freeze the working area as the next version.

        Pictures that nobody looked at yet are looked at first: see `status` and `look`.
        """
        for _ in self._see(self._pending(dataset)):
            pass
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

    @operation("GET", "/datasets/{dataset}/status", needs=Role.VIEWER)
    def status(self, dataset: Name) -> Status:
        """What a commit would freeze now, and who is quarantined."""
        with self._catalog.read() as records:
            return status(records, records.get(Dataset, dataset))

    @operation("POST", "/datasets/{dataset}/versions/{number}/reverts", needs=Role.EDITOR)
    def revert(self, dataset: Name, number: Number, *, force: bool = False) -> Status:
        """Make the working area what a version holds: committed, it has the same fingerprint.

        Refused while there is something in it that was never committed, unless `force`.
        """
        with self._catalog.transaction() as records:
            _check(records, dataset, number)
            current = records.get(Dataset, dataset)
            if not force:
                check_committed(records, current)
            revert(records, current, number)
            return status(records, records.get(Dataset, dataset))

    @operation("POST", "/datasets/{dataset}/versions/{number}/forks", needs=Role.EDITOR)
    def fork(self, dataset: Name, number: Number, *, name: Name) -> Version:
        """A new dataset that begins as this version: equal rows, splits and fingerprint."""
        with self._catalog.transaction() as records:
            return fork(records, version_of(records, dataset, number), name, self._now)

    @operation("POST", "/datasets/{dataset}/adoption", needs=Role.EDITOR)
    def adopt(  # noqa: PLR0913 (one per fact)
        self,
        dataset: Name,
        *,
        manifest: Digest,
        annotations: Digest,
        message: str = "",
        ratios: Ratios | None = None,
        near: Near = None,
        gap_s: Annotated[float, Field(ge=0)] = 30.0,
    ) -> Version:
        """A new dataset that begins as a version made elsewhere: equal rows, splits, fingerprint.

        `manifest` and `annotations` are blobs as the operations of those names give them; the files
        that the manifest names are uploaded before. All or nothing.
        """
        header, digests = glance(self._blobs, manifest)
        if near is not None:
            for _ in self._see(digests):
                pass
        made = Dataset(
            name=dataset, task=header.task, classes=header.classes, near=near, gap_s=gap_s,
            ratios=ratios or Dataset.model_fields["ratios"].default, created=self._now(),
        )  # fmt: skip
        made_of = MadeOf(manifest, annotations, message)
        with self._catalog.transaction() as records:
            return adopt(records, made, self._blobs, made_of, self._now)

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

    def _pending(self, dataset: str) -> list[Digest]:
        """Newcomers that want to be looked at."""
        with self._catalog.read() as records:
            if records.get(Dataset, dataset).near is None:
                return []
            return [s.digest for s in records.samples.pending(dataset)]

    def _see(self, digests: Iterable[Digest], most: int | None = None) -> Iterator[tuple[int, int]]:
        """Look at what is not known yet, unless it is more than `most`; how many of how many."""
        if self._images is None:
            return
        with self._catalog.read() as records:
            unseen = records.kinship.unseen(digests)
        if most is not None and len(unseen) > most:
            return
        for start in range(0, len(unseen), LOOKS):
            looks = look_at(self._blobs, self._images, unseen[start : start + LOOKS])
            with self._catalog.transaction() as records:
                records.kinship.see(looks)
            yield start + len(looks), len(unseen)


def _check(records: Records, dataset: str, number: int | None) -> None:
    if number is None:
        records.get(Dataset, dataset)
    else:
        version_of(records, dataset, number)


def _differs(records: Records, dataset: Dataset) -> bool:
    if dataset.head and version_of(records, dataset.name, dataset.head).classes != dataset.classes:
        return True
    return any(True for _ in records.samples.changes(dataset.name, dataset.head, None, limit=1))


def _distinct(classes: tuple[str, ...]) -> None:
    twice = [name for name, n in Counter(classes).items() if n > 1 or not name.strip()]
    if twice:
        raise Invalid(f"classes: {twice[0]!r} is empty or named twice", fix="name each class once")
