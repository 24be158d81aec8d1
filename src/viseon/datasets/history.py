"""Going back, branching off, naming: what versions are for."""

from itertools import islice

from viseon.datasets.freeze import freeze, key, settle, version_of
from viseon.ports import Records
from viseon.schema import (
    Certificate,
    Clock,
    Conflict,
    Dataset,
    Name,
    Noun,
    Quarantined,
    Version,
)

BATCH = 1000


class Status(Noun):
    """What a commit would freeze now."""

    dataset: Name
    head: int
    pending: dict[str, int]
    """Changes since the head by kind: added, removed, modified, relabelled, moved, described."""
    quarantined: tuple[Quarantined, ...] = ()
    """Those of the last commit that still wait."""


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
    return Status(dataset=dataset.name, head=dataset.head, pending=pending, quarantined=held)


def revert(records: Records, dataset: Dataset, number: int) -> None:
    """Make the working area what a version holds; committing it gives the same fingerprint."""
    version = version_of(records, dataset.name, number)
    names = [c.filename for c in records.samples.changes(dataset.name, number, None)]
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        then = records.samples.some(dataset.name, batch, version=number)
        records.samples.remove(dataset.name, batch)
        records.samples.add(dataset.name, then)
    if dataset.classes != version.classes:
        records.put(dataset.name, dataset.model_copy(update={"classes": version.classes}))


def fork(records: Records, version: Version, name: str, now: Clock) -> Version:
    """A new dataset whose first version is this one: equal rows, splits and fingerprint."""
    if records.seek(Dataset, name) is not None:
        raise Conflict(f"dataset {name!r} already exists", fix="choose another name")
    origin = records.get(Dataset, version.dataset)
    copy = origin.model_copy(
        update={"name": name, "classes": version.classes, "head": 0, "created": now()}
    )
    records.put(name, copy)
    rows = records.samples.rows(version.dataset, version=version.number)
    while batch := list(islice(rows, BATCH)):
        records.samples.add(name, batch)
    decision = settle(records, copy)
    return freeze(records, copy, decision, f"fork of {version.ref}", now)


def tag(records: Records, dataset: str, number: int, name: str) -> Version:
    """Give a version a name that no other version of the dataset has."""
    version = version_of(records, dataset, number)
    for other in records.find(Version, prefix=f"{dataset}@"):
        if name in other.tags and other.number != number:
            left = tuple(t for t in other.tags if t != name)
            records.put(key(dataset, other.number), other.model_copy(update={"tags": left}))
    tags = tuple(sorted({*version.tags, name}))
    tagged = version.model_copy(update={"tags": tags})
    records.put(key(dataset, number), tagged)
    return tagged
