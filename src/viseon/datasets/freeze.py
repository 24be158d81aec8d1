"""From working area to version: looks, splits, fingerprint, certificate."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from viseon.datasets import manifest
from viseon.datasets.groups import Newcomer, groups
from viseon.datasets.likeness import Likeness, Look, compared, nearest
from viseon.datasets.split import Decision, decide
from viseon.overlap import cores, overlapped
from viseon.ports import Images, Records
from viseon.schema import (
    Certificate,
    Clock,
    Crossing,
    Dataset,
    Digest,
    NotFound,
    Quarantined,
    Split,
    Version,
    ViseonError,
)
from viseon.vision.phash import is_blank, perceptual_hash

MOST_QUARANTINED = 1000
"""How many quarantined files a certificate names."""

_MOST_THREADS = 4
"""Each holds a decoded picture."""


class Bytes(Protocol):
    """Anything that files can be read from by their digest."""

    def get(self, digest: Digest) -> bytes:
        """The bytes. Raises a ViseonError where they are gone or damaged."""
        ...


def key(dataset: str, number: int) -> str:
    """Where the catalog keeps a version and its certificate."""
    return f"{dataset}@{number:08d}"


def version_of(records: Records, dataset: str, number: int) -> Version:
    """Raises NotFound that says which versions there are."""
    found = records.seek(Version, key(dataset, number))
    if found is None:
        head = records.get(Dataset, dataset).head
        known = f"it has versions 1 to {head}" if head else "it has none yet: commit first"
        raise NotFound(f"dataset {dataset!r} has no version {number}", fix=known)
    return found


def look_at(blobs: Bytes, images: Images, digests: Sequence[Digest]) -> dict[Digest, bytes]:
    """The perceptual hash of each file; empty where there is no picture or nothing on it."""

    def look(digest: Digest) -> bytes:
        try:
            hash = perceptual_hash(images.decode(blobs.get(digest)))
        except ViseonError:
            return b""
        return b"" if is_blank(hash) else hash.astype("<u8").tobytes()

    looks = overlapped(look, digests, threads=min(cores(), _MOST_THREADS))
    return dict(zip(digests, looks, strict=True))


def settle(records: Records, dataset: Dataset) -> Decision:
    """Give pending samples a split; put those aside that may not have one."""
    newcomers = [Newcomer.of(s) for s in records.samples.pending(dataset.name)]
    counts, balance = _standing(records, dataset)
    tallies = records.kinship.tallies(n.annotation for n in newcomers if n.annotation)
    likeness = None
    if dataset.near is not None:
        likeness = compared(records, dataset, [n.digest for n in newcomers])
    found = groups(records, dataset, newcomers, likeness)
    decision = decide(found, counts, balance, tallies, dataset.ratios)
    decision = replace(decision, likeness=likeness)
    chosen = decision.splits
    homes = {h: chosen[n.filename] for n in newcomers if n.filename in chosen for h in n.homes}
    del newcomers, tallies, found  # there may be millions
    records.samples.assign(dataset.name, chosen)
    records.samples.hold(dataset.name, decision.held)
    records.kinship.settle(dataset.name, homes)
    return decision


def freeze(
    records: Records, dataset: Dataset, decision: Decision, message: str, now: Clock
) -> Version:
    """Write the working area down as the next version."""
    name, number = dataset.name, dataset.head + 1
    parent = version_of(records, name, dataset.head) if dataset.head else None
    records.samples.freeze(name, number)
    counts, balance = _moved_on(records, dataset)
    fingerprint = manifest.fingerprint(written(records, dataset, number))
    version = Version(
        dataset=name,
        number=number,
        fingerprint=fingerprint,
        parent=parent.fingerprint if parent else None,
        samples=sum(counts.values()),
        splits=counts,
        task=dataset.task,
        classes=dataset.classes,
        message=message,
        quarantined=len(decision.held),
        created=now(),
        created_by=records.by,
    )
    certificate = _certificate(records, dataset, version, decision)
    certificate = certificate.model_copy(update={"balance": balance})
    version = version.model_copy(update={"certificate": certificate.digest})
    records.put(key(name, number), certificate)
    records.put(key(name, number), version)
    records.put(name, dataset.model_copy(update={"head": number}))
    return version


def written(records: Records, of: Dataset | Version, number: int) -> Iterator[bytes]:
    """The manifest of a version, in chunks."""
    name = of.name if isinstance(of, Dataset) else of.dataset
    return manifest.manifest(of.task, of.classes, records.samples.lines(name, version=number))


def rules(dataset: Dataset) -> tuple[str, ...]:
    """What keeps samples together, in words."""
    found = ["files with equal bytes are in one split"]
    if dataset.near is not None:
        found.append(
            f"pictures whose perceptual hashes differ in at most {dataset.near} of 128 bits"
            " are in one split"
        )
    found.append("files of one session or video are in one split")
    found.append(f"frames of one camera at most {dataset.gap_s:g} s apart are in one split")
    found.append("a sample that was in a version never changes its split")
    return tuple(found)


Balance = dict[str, dict[str, int]]
"""Objects of each class in each split."""


def _standing(records: Records, dataset: Dataset) -> tuple[dict[str, int], Balance]:
    """Samples of each split, and objects of each class in each split, at the head."""
    if not dataset.head:
        return {}, {}
    version = version_of(records, dataset.name, dataset.head)
    certificate = records.seek(Certificate, key(dataset.name, dataset.head))
    if certificate is None or version.erased:
        return version.splits, records.kinship.balance(dataset.name, dataset.head)
    return version.splits, certificate.balance


def _moved_on(records: Records, dataset: Dataset) -> tuple[dict[str, int], Balance]:
    """The same for the version just frozen, counted from what changed and not from what exists."""
    name, number = dataset.name, dataset.head + 1
    if not dataset.head:
        return records.samples.count(name, version=number), records.kinship.balance(name, number)
    splits, before = _standing(records, dataset)
    counts = Counter(splits)
    balance = {class_name: Counter(of) for class_name, of in before.items()}
    changes = records.samples.changes(name, dataset.head, number)
    while batch := list(islice(changes, 1000)):
        digests = {d for c in batch for d in (c.old_annotation, c.new_annotation) if d}
        tallies = records.kinship.tallies(digests)
        for c in batch:
            gone = (c.old_split, tallies.get(c.old_annotation or "", {}), -1, c.old)
            come = (c.new_split, tallies.get(c.new_annotation or "", {}), 1, c.new)
            for split, tally, sign, digest in (gone, come):
                if digest is not None and split is not None:
                    counts[split] += sign
                    for class_name, n in tally.items():
                        balance.setdefault(class_name, Counter())[split] += sign * n
    left = {class_name: _some(of) for class_name, of in sorted(balance.items())}
    return _some(counts), {class_name: of for class_name, of in left.items() if of}


def _some(counts: Counter[str]) -> dict[str, int]:
    return {split: n for split, n in sorted(counts.items()) if n}


def _certificate(
    records: Records, dataset: Dataset, version: Version, decision: Decision
) -> Certificate:
    whole = sum(dataset.ratios.values())
    count, closest = 0, None
    if decision.likeness is not None:
        seen = _grown(records, dataset, version.number, decision.likeness)
        if seen is None:
            seen = _closest(records, dataset, version.number, decision.likeness.fresh)
        count, closest = seen
    held = sorted(decision.held.items())[:MOST_QUARANTINED]
    return Certificate(
        dataset=dataset.name,
        number=version.number,
        fingerprint=version.fingerprint,
        rules=rules(dataset),
        near=dataset.near,
        gap_s=dataset.gap_s,
        splits=version.splits,
        ratios={split: share / whole for split, share in dataset.ratios.items()},
        balance={},
        compared=count,
        nearest=closest,
        quarantined=tuple(Quarantined(filename=f, why=w) for f, w in held),
    )


def _grown(
    records: Records, dataset: Dataset, number: int, likeness: Likeness
) -> tuple[int, Crossing | None] | None:
    """How many looks there are and the nearest pair, from what the splits were decided by.

    None where that does not say it: pictures went away, or another threshold was in force.
    """
    parent = records.seek(Certificate, key(dataset.name, dataset.head)) if dataset.head else None
    if parent is None or parent.near != dataset.near:
        return None
    if version_of(records, dataset.name, dataset.head).erased:
        return None
    came = _came(records, dataset.name, dataset.head, number)
    if came is None:
        return None
    best = parent.nearest
    if not likeness.fresh:
        return parent.compared, best
    for pair in likeness.likest:
        own = came.get(pair.fresh, pair.split)
        if own != pair.split and (best is None or pair.bits < best.bits):
            best = Crossing(
                one=pair.fresh, one_split=own, other=pair.other, other_split=pair.split,
                bits=pair.bits,
            )  # fmt: skip
    looks: list[Look] = [(d, came[d], h) for d, h in likeness.fresh.items() if d in came]
    found = nearest(looks, looks, threshold=dataset.near, below=best.bits if best else None)
    there = {(digest, split) for digest, split, _ in (*likeness.there, *looks)}
    return len(there), best if found is None else _crossing(looks, looks, found)


def _came(records: Records, name: str, old: int, new: int) -> dict[Digest, Split] | None:
    """The files that came between two versions and their splits; None where others went away."""
    came: dict[Digest, Split] = {}
    for change in records.samples.changes(name, old, new):
        before = (change.old, change.old_split)
        if change.old is not None and before != (change.new, change.new_split):
            return None
        if change.new is not None and change.new_split is not None:
            came[change.new] = change.new_split
    return came


def _crossing(left: Sequence[Look], right: Sequence[Look], found: tuple[int, int, int]) -> Crossing:
    (one, one_split, _), (other, other_split, _) = left[found[0]], right[found[1]]
    return Crossing(
        one=one, one_split=one_split, other=other, other_split=other_split, bits=found[2]
    )


def _closest(
    records: Records, dataset: Dataset, number: int, fresh: Collection[Digest]
) -> tuple[int, Crossing | None]:
    """The nearest pair across splits: only newcomers can be nearer than the parent's pair."""
    looks = records.kinship.looks_of(dataset.name, number)
    there = {(digest, split) for digest, split, _ in looks}
    parent = records.seek(Certificate, key(dataset.name, dataset.head)) if dataset.head else None
    known = parent.nearest if parent is not None and parent.near == dataset.near else None
    lost = known is not None and not {
        (known.one, known.one_split), (known.other, known.other_split)
    } <= there  # fmt: skip
    again = parent is None or parent.near != dataset.near or lost
    left = looks if again else [look for look in looks if look[0] in fresh]
    best = None if lost else known
    below = best.bits if best else None
    found = nearest(left, looks, threshold=dataset.near, below=below)
    return len(there), best if found is None else _crossing(left, looks, found)
