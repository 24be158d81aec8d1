"""What changed between two versions, in the words of those who look at pictures.

Costs what changed, not what exists: only labels that differ are read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from viseon.datasets.freeze import version_of
from viseon.datasets.match import Matched, alone, match
from viseon.ports import Records
from viseon.schema import Annotation, Change, Dataset, Digest
from viseon.schema.comparison import (
    ClassChange,
    ClassList,
    Comparison,
    ObjectChange,
    ObjectCounts,
    SampleChange,
    Turn,
)

BATCH = 1000
KINDS = ("added", "removed", "modified", "relabelled", "moved", "described")
_NOTHING = Annotation()


@dataclass(frozen=True, slots=True)
class Asked:
    """Which versions, and when a box counts as moved."""

    dataset: str
    old: int
    new: int | None
    moved_px: float


def compare(records: Records, asked: Asked, *, cursor: str = "", limit: int = 100) -> Comparison:
    """Totals over all changes, and those after `cursor` in detail. Raises NotFound."""
    page = _Page(cursor, limit)
    found = _folded(records, asked, page)
    changes = tuple(found.detailed(records, page.kept[:limit]))
    after = changes[-1].filename if len(page.kept) > limit else None
    return found.comparison(changes, after)


def sample_of_each(records: Records, asked: Asked, *, most: int) -> Comparison:
    """The same with up to `most` changes in detail: some of each kind, as evenly as there are."""
    gallery = _Gallery(most)
    found = _folded(records, asked, gallery)
    return found.comparison(tuple(found.detailed(records, gallery.chosen())), None)


def class_list(old: Sequence[str], new: Sequence[str]) -> ClassList:
    """A class is renamed when the name at its place changed and neither name is anywhere else."""
    renamed = tuple(
        (a, b) for a, b in zip(old, new, strict=False) if a != b and a not in new and b not in old
    )
    gone, come = {a for a, _ in renamed}, {b for _, b in renamed}
    return ClassList(
        added=tuple(n for n in new if n not in old and n not in come),
        removed=tuple(n for n in old if n not in new and n not in gone),
        renamed=renamed,
        reordered=[n for n in old if n in new] != [n for n in new if n in old],
    )


@dataclass(slots=True)
class _Page:
    """The first changes after a cursor, and one more to know whether there is more."""

    cursor: str
    limit: int
    kept: list[Change] = field(default_factory=list)

    def see(self, change: Change) -> None:
        if change.filename > self.cursor and len(self.kept) <= self.limit:
            self.kept.append(change)


@dataclass(slots=True)
class _Gallery:
    """Changes of every kind."""

    most: int
    kept: dict[str, list[Change]] = field(default_factory=dict)

    def see(self, change: Change) -> None:
        of_kind = self.kept.setdefault(change.kind, [])
        if len(of_kind) < self.most:
            of_kind.append(change)

    def chosen(self) -> list[Change]:
        rounds = max((len(of_kind) for of_kind in self.kept.values()), default=0)
        turns = (of[n] for n in range(rounds) for of in self.kept.values() if n < len(of))
        return sorted(islice(turns, self.most), key=lambda c: c.filename)


def _folded(records: Records, asked: Asked, keeper: _Page | _Gallery) -> "_Fold":
    dataset = records.get(Dataset, asked.dataset)
    before = version_of(records, asked.dataset, asked.old) if asked.old else None
    after = version_of(records, asked.dataset, asked.new) if asked.new else None
    classes = class_list(
        before.classes if before else (), after.classes if after else dataset.classes
    )
    prints = (before.fingerprint if before else None, after.fingerprint if after else None)
    found = _Fold(asked, classes, prints)
    changes = records.samples.changes(asked.dataset, asked.old, asked.new)
    while batch := list(islice(changes, BATCH)):
        found.add(records, batch)
        for change in batch:
            keeper.see(change)
    return found


@dataclass(slots=True)
class _Fold:
    """Everything counted so far."""

    asked: Asked
    class_list: ClassList
    prints: tuple[Digest | None, Digest | None]
    files: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    between: Counter[tuple[str, str]] = field(default_factory=Counter)
    splits: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, records: Records, changes: Sequence[Change]) -> None:
        """Files that came or went are counted without reading their labels."""
        for change in changes:
            self.files[change.kind] += 1
            if change.old and change.new and change.old_split != change.new_split:
                self.splits[change.old_split or "none", change.new_split or "none"] += 1
        whole = [c for c in changes if c.old is None or c.new is None]
        digests = {d for c in whole for d in (c.old_annotation, c.new_annotation) if d}
        tallies = records.kinship.tallies(digests) if digests else {}
        for change in whole:
            kind = "added" if change.old is None else "removed"
            annotation = change.new_annotation or change.old_annotation or ""
            for name, count in tallies.get(annotation, {}).items():
                self._count(kind, name, count)
        for _, matched in self._matched(records, (c for c in changes if c.old and c.new)):
            self.objects["nudged"] += matched.nudged
            for thing in matched.changes:
                self._count_object(thing)

    def detailed(self, records: Records, changes: Sequence[Change]) -> Iterator[SampleChange]:
        """The changes with their objects."""
        both = dict(self._matched(records, (c for c in changes if c.old and c.new)))
        whole = [c for c in changes if c.old is None or c.new is None]
        found = records.samples.annotations(
            {d for c in whole for d in (c.old_annotation, c.new_annotation) if d}
        )
        for change in changes:
            digest = change.new_annotation or change.old_annotation
            objects: tuple[ObjectChange, ...] = ()
            if change.filename in both:
                objects = both[change.filename].changes
            elif digest and (change.old is None or change.new is None):
                objects = alone(found[digest], added=change.old is None)
            yield SampleChange(**dict(change), objects=objects)

    def comparison(self, changes: tuple[SampleChange, ...], after: str | None) -> Comparison:
        """The whole answer."""
        rows = [ClassChange(name=name, **counts) for name, counts in self.classes.items()]
        rows.sort(key=lambda c: (-sum(self.classes[c.name].values()), c.name))
        return Comparison(
            dataset=self.asked.dataset,
            old=self.asked.old,
            new=self.asked.new,
            old_fingerprint=self.prints[0],
            new_fingerprint=self.prints[1],
            moved_px=self.asked.moved_px,
            files={kind: self.files[kind] for kind in KINDS},
            objects=ObjectCounts(**self.objects),
            classes=tuple(rows),
            between=_turns(self.between),
            class_list=self.class_list,
            splits=_turns(self.splits),
            changes=changes,
            next=after,
        )

    def _matched(
        self, records: Records, changes: Iterable[Change]
    ) -> Iterator[tuple[str, Matched]]:
        differing = [c for c in changes if c.old_annotation != c.new_annotation]
        digests = {d for c in differing for d in (c.old_annotation, c.new_annotation) if d}
        found = records.samples.annotations(digests) if digests else {}
        renames = dict(self.class_list.renamed)
        for c in differing:
            old = found[c.old_annotation] if c.old_annotation else _NOTHING
            new = found[c.new_annotation] if c.new_annotation else _NOTHING
            yield c.filename, match(old, new, moved_px=self.asked.moved_px, renames=renames)

    def _count_object(self, thing: ObjectChange) -> None:
        old, new = thing.old_class, thing.new_class
        if old is not None and new is not None and old != new:
            self.objects[thing.kind] += 1
            self.between[old, new] += 1
            self.classes.setdefault(old, Counter())["left"] += 1
            self.classes.setdefault(new, Counter())["joined"] += 1
        else:
            self._count(thing.kind, old or new or "", 1)

    def _count(self, kind: str, name: str, count: int) -> None:
        self.objects[kind] += count
        self.classes.setdefault(name, Counter())[kind] += count


def _turns(counts: Counter[tuple[str, str]]) -> tuple[Turn, ...]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Turn(old=old, new=new, count=n) for (old, new), n in ordered)
