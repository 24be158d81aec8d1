"""What a deletion has to know of versions: who learned from them, and where copies of them lie."""

import hashlib
from collections.abc import Iterator

from viseon.datasets import manifest
from viseon.datasets.freeze import key, version_of, written
from viseon.datasets.query.ask import view_key
from viseon.ports import Records
from viseon.schema import (
    Certificate,
    Clock,
    Conflict,
    Dataset,
    Deleted,
    Digest,
    Forbidden,
    Model,
    Run,
    RunState,
    Sample,
    Version,
    View,
)
from viseon.schema.recipe import Derivation


class VersionBooks:
    """The datasets' side of deleting; other services reach it through the composition root."""

    def learned(self, records: Records, dataset: str) -> tuple[str, ...]:
        """Models and runs that learned from any version of it, such as `people@3`, `run 0197…`."""
        return learned(records, dataset)

    def purge(self, records: Records, dataset: str) -> None:
        """Forget a dataset for good: rows, versions, certificates, views."""
        records.remains.drop_rows(dataset)
        for view in records.find(View, prefix=view_key(dataset, "")):
            records.remove(View, view_key(dataset, view.name))
        for number in [v.number for v in records.find(Version, prefix=f"{dataset}@")]:
            for kind in (Version, Certificate, Derivation):
                records.remove(kind, key(dataset, number))
        records.remove(Deleted, dataset)

    def copies(self, records: Records, dataset: str, number: int) -> Iterator[Digest]:
        """Blobs that repeat what a version says: its manifest, and its labels as one file."""
        version = version_of(records, dataset, number)
        yield from {version.fingerprint, version.manifest}
        hasher = hashlib.sha256()
        for line in manifest.labels(records, dataset, number):
            hasher.update(line)
        yield hasher.hexdigest()

    def restate(self, records: Records, dataset: str, number: int, erased: int) -> Version:
        """Write down that so many more of its samples are tombstones now."""
        version = version_of(records, dataset, number)
        found = manifest.fingerprint(written(records, version, number))
        update = {"erased": version.erased + erased, "effective_fingerprint": found}
        version = version.model_copy(update=update)
        records.put(key(dataset, number), version)
        return version


def learned(records: Records, dataset: str) -> tuple[str, ...]:
    """Models and runs that learned from any version of a dataset."""
    prefix = f"{dataset}@"
    models = [m for m in records.find(Model) if (m.dataset or "").startswith(prefix)]
    known = {m.run for m in models}
    runs = [
        r.id
        for r in records.find(Run)
        if r.dataset.startswith(prefix) and r.id not in known and _lives(r)
    ]
    return (*(m.ref for m in models), *(f"run {id}" for id in runs))


def delete(records: Records, name: str, now: Clock, *, force: bool) -> Deleted:
    """Put a dataset aside. Raises Conflict naming who learned from it, unless forced."""
    dataset = records.get(Dataset, name)
    dependents = learned(records, name)
    if dependents and not force:
        shown = ", ".join(dependents[:5]) + (" …" if dependents[5:] else "")
        raise Conflict(
            f"{shown} learned from versions of {name!r}: their past would be lost",
            fix="delete it with force=true (viseon delete --force), or keep it",
        )
    deleted = Deleted(dataset=dataset, at=now(), by=records.by, forced=force)
    records.put(name, deleted)
    records.remove(Dataset, name)
    return deleted


def restore(records: Records, name: str) -> Dataset:
    """Bring a deleted dataset back as it was. Raises Conflict, NotFound."""
    if records.seek(Dataset, name) is not None:
        raise Conflict(f"dataset {name!r} is not deleted")
    dataset = records.get(Deleted, name).dataset
    records.put(name, dataset)
    records.remove(Deleted, name)
    return dataset


def check_free(records: Records, name: str) -> None:
    """Raises Conflict where a dataset has this name, or had it and was deleted."""
    if records.seek(Dataset, name) is not None:
        raise Conflict(f"dataset {name!r} already exists", fix="choose another name")
    if records.seek(Deleted, name) is not None:
        raise Conflict(
            f"dataset {name!r} was deleted, and its name is still taken",
            fix=f"viseon restore {name}, or remove it for good: viseon storage purge {name}",
        )


def admitted(records: Records, samples: Iterator[Sample]) -> Iterator[Sample]:
    """The samples; raises Forbidden naming the first that was erased, or was made from such."""
    erased = records.remains.erased()
    if not erased:
        yield from samples
        return
    for sample in samples:
        sources = sample.metadata.get("source", ())
        for digest in (sample.digest, *(sources if isinstance(sources, list) else ())):
            if digest not in erased:
                continue
            what = "its bytes" if digest == sample.digest else "what it was made from"
            raise Forbidden(
                f"{sample.filename}: {what} ({digest[:12]}…) was erased, and must not come back",
                fix="leave it out; why it went: viseon storage erasures",
            )
        yield sample


def _lives(run: Run) -> bool:
    return run.state in (RunState.RUNNING, RunState.DONE) or run.checkpoint is not None
