"""Going back, branching off, naming: what versions are for."""

from itertools import islice

from viseon.datasets.books import check_free
from viseon.datasets.freeze import freeze, key, settle, version_of
from viseon.ports import Records
from viseon.schema import (
    Certificate,
    Clock,
    Conflict,
    Dataset,
    Invalid,
    Name,
    NotFound,
    Noun,
    Quarantined,
    Version,
)

BATCH = 1000
LATEST = "latest"
"""What every dataset calls its newest version."""


class Status(Noun):
    """What a commit would freeze now."""

    dataset: Name
    head: int
    pending: dict[str, int]
    """Changes since the head by kind: added, removed, modified, relabelled, moved, described."""
    unseen: int = 0
    """Pictures that a commit looks at first, or `look` before it."""
    quarantined: tuple[Quarantined, ...] = ()
    """Those of the last commit that still wait."""


class Looked(Noun):
    """What looking came to."""

    pictures: int
    """Those seen now; others were known."""


def status(records: Records, dataset: Dataset) -> Status:
    """Count what is pending; name who is still quarantined."""
    pending: dict[str, int] = {}
    for change in records.samples.changes(dataset.name, dataset.head, None):
        pending[change.kind] = pending.get(change.kind, 0) + 1
    held: tuple[Quarantined, ...] = ()
    certificate = records.seek(Certificate, key(dataset.name, dataset.head))
    if certificate is not None and certificate.quarantined:
        waiting = {s.filename for s in records.samples.pending(dataset.name)}
        held = tuple(q for q in certificate.quarantined if q.filename in waiting)
    unseen = 0
    if dataset.near is not None:
        waits = (s.digest for s in records.samples.pending(dataset.name))
        unseen = len(records.kinship.unseen(waits))
    return Status(
        dataset=dataset.name, head=dataset.head, pending=pending, unseen=unseen, quarantined=held
    )


def check_committed(records: Records, dataset: Dataset) -> None:
    """Raises Conflict that counts what would be lost if the working area were replaced."""
    pending = status(records, dataset).pending
    if pending:
        counts = ", ".join(f"{n} {kind}" for kind, n in sorted(pending.items()))
        raise Conflict(
            f"dataset {dataset.name!r} has changes that were never committed: {counts}",
            fix="commit or remove them first, or revert with force and lose them",
        )


def revert(records: Records, dataset: Dataset, number: int) -> None:
    """Make the working area what a version holds; committing it gives the same fingerprint.

    Erased samples do not come back.
    """
    version = version_of(records, dataset.name, number)
    names = [c.filename for c in records.samples.changes(dataset.name, number, None)]
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        then = records.samples.some(dataset.name, batch, version=number)
        records.samples.remove(dataset.name, batch)
        records.samples.add(dataset.name, (s for s in then if not s.erased))
    if dataset.classes != version.classes:
        records.put(dataset.name, dataset.model_copy(update={"classes": version.classes}))


def fork(records: Records, version: Version, name: str, now: Clock) -> Version:
    """A new dataset whose first version is this one: equal rows, splits and fingerprint.

    Erased samples are left out.
    """
    check_free(records, name)
    origin = records.get(Dataset, version.dataset)
    copy = origin.model_copy(
        update={"name": name, "classes": version.classes, "head": 0, "created": now()}
    )
    records.put(name, copy)
    all_rows = records.samples.rows(version.dataset, version=version.number)
    rows = (s for s in all_rows if not s.erased)
    while batch := list(islice(rows, BATCH)):
        records.samples.add(name, batch)
    decision = settle(records, copy)
    return freeze(records, copy, decision, f"fork of {version.ref}", now)


def tag(records: Records, dataset: str, number: int, name: str) -> Version:
    """Give a version a name that no other version of the dataset has."""
    if name == LATEST or name.isdigit():
        raise Invalid(f"tag: {name!r} always means a version already", fix="a word, such as golden")
    version = version_of(records, dataset, number)
    for other in records.find(Version, prefix=f"{dataset}@"):
        if name in other.tags and other.number != number:
            left = tuple(t for t in other.tags if t != name)
            records.put(key(dataset, other.number), other.model_copy(update={"tags": left}))
    tags = tuple(sorted({*version.tags, name}))
    tagged = version.model_copy(update={"tags": tags})
    records.put(key(dataset, number), tagged)
    return tagged


def resolve(records: Records, dataset: str, ref: str) -> Version:
    """The version that a number, a tag or `latest` means. Raises NotFound that says what there is.

    A number costs one look-up, a tag as many as there are versions.
    """
    if ref.isdigit():
        return version_of(records, dataset, int(ref))
    head = records.get(Dataset, dataset).head
    if head == 0:
        raise NotFound(
            f"dataset {dataset!r} has no version yet", fix=f'viseon commit {dataset} -m "first"'
        )
    if ref == LATEST:
        return version_of(records, dataset, head)
    tags: set[str] = set()
    for version in records.find(Version, prefix=f"{dataset}@", newest_first=True):
        if ref in version.tags:
            return version
        tags.update(version.tags)
    raise NotFound(
        f"no version of {dataset!r} is tagged {ref!r}",
        fix=f"its tags: {', '.join(sorted(tags))}" if tags else f"viseon tag {dataset} {ref}",
    )
