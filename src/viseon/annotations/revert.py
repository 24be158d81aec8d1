"""Taking changes back: chosen by object, user, session or time, or up to an earlier annotation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from viseon.annotations.check import check_class
from viseon.annotations.parts import Parts, annotation_of, differences, parts_of
from viseon.annotations.trail import Back, Trail, Undone
from viseon.ports import Records
from viseon.schema import Annotation, Dataset, Digest, NotFound, Object, Sample
from viseon.schema.label import Kept, LabelChange, LabelQuery, Part, spelled

FILES = 200
"""Samples looked at together."""

GONE = "the sample is no longer in the dataset, or its file was replaced"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a revert makes of one sample."""

    sample: Sample | None
    trail: Trail | None
    annotation: Annotation | None
    undone: Undone

    @property
    def others(self) -> set[str]:
        """Whose changes are taken back."""
        return {c.by for back in self.undone.back for c in back.taken}


def plans(records: Records, dataset: str, query: LabelQuery, *, force: bool) -> Iterator[Plan]:
    """One plan for each sample that has such changes, in filename order."""
    after = ""
    while names := records.labels.filenames(dataset, query, after=after, limit=FILES):
        after = names[-1]
        samples = {s.filename: s for s in records.samples.some(dataset, names)}
        labels = _labels(records, samples.values())
        for name, changes in records.labels.trails(dataset, names).items():
            yield _plan(records, query, samples.get(name), changes, labels, force=force)


def plan_to(records: Records, dataset: str, filename: str, to: Digest | None) -> Plan:
    """Give a sample an annotation that it had. Raises NotFound."""
    sample = records.samples.get(dataset, filename)
    trail = trail_of(records, dataset, sample)
    had = {d for c in trail.changes for d in (c.before, c.after)}
    had |= {
        s.annotation for s in records.labels.states(dataset, filename) if s.file == sample.digest
    }
    if to not in had and to is not None:
        raise NotFound(
            f"{filename!r} never had the annotation {to[:12]}…",
            fix=f"viseon annotations history {dataset} {filename}",
        )
    annotation = records.samples.annotations([to])[to] if to is not None else None
    target = parts_of(annotation)
    cut = _cut(trail.changes, to)
    back = [
        Back(part, later[0].number, chain.live)
        for part, chain in trail.chains.items()
        if (later := [c for c in chain.live if cut is not None and c.number > cut])
        and spelled(later[0].old) == spelled(target.get(part))
    ]
    return Plan(sample, trail, annotation, Undone(target, tuple(back), ()))


def trail_of(records: Records, dataset: str, sample: Sample) -> Trail:
    """The history of a sample of the working area."""
    changes = records.labels.trails(dataset, [sample.filename]).get(sample.filename, [])
    labels = _labels(records, [sample])
    annotation = labels.get(sample.annotation or "")
    return Trail(changes, sample.digest, sample.annotation, annotation)


def stored(records: Records, digest: Digest) -> Annotation | None:
    """An annotation that may have been collected since."""
    try:
        return records.samples.annotations([digest])[digest]
    except NotFound:
        return None


def written(plan: Plan, dataset: Dataset, change: LabelChange) -> list[LabelChange]:
    """The changes that carry a plan out; `change` is what all of them have in common.

    Raises Invalid when an object comes back whose class the dataset no longer has.
    """
    before = plan.trail.parts if plan.trail is not None else {}
    after = plan.undone.after
    undoes: dict[Part, int | None] = {b.part: b.undoes for b in plan.undone.back}
    parts = dict.fromkeys([key for key, _, _ in differences(before, after)]) | undoes
    made = []
    for part in parts:
        new = after.get(part)
        if isinstance(new, Object):
            check_class(new.class_name, f"{change.filename}: object {new.id!r}", dataset)
        fields = {"part": part[0], "object": part[1], "old": before.get(part), "new": new}
        made.append(change.model_copy(update={**fields, "undoes": undoes.get(part)}))
    return made


def _plan(
    records: Records,
    query: LabelQuery,
    sample: Sample | None,
    changes: Sequence[LabelChange],
    labels: dict[Digest, Annotation],
    *,
    force: bool,
) -> Plan:
    file = sample.digest if sample is not None else ""
    lost = tuple(_lost([c for c in changes if c.file != file], query))
    if sample is None:
        return Plan(None, None, None, Undone({}, (), lost))
    now = labels.get(sample.annotation or "")
    trail = Trail(changes, sample.digest, sample.annotation, now)
    undone = trail.undone(query.includes, force=force)
    after = now
    if undone.back:
        after = _materialised(undone.after, trail, records)
    undone = Undone(undone.after, undone.back, (*undone.kept, *lost))
    return Plan(sample, trail, after, undone)


def _materialised(parts: Parts, trail: Trail, records: Records) -> Annotation | None:
    return annotation_of(parts, trail.order(lambda digest: stored(records, digest)))


def _lost(changes: Sequence[LabelChange], query: LabelQuery) -> Iterator[Kept]:
    for file in dict.fromkeys(c.file for c in changes):
        for chain in Trail(changes, file, None, None).chains.values():
            yield from (Kept(change=c, why=GONE) for c in chain.live if query.includes(c))


def _labels(records: Records, samples: Iterable[Sample]) -> dict[Digest, Annotation]:
    return records.samples.annotations({s.annotation for s in samples if s.annotation})


def _cut(changes: Sequence[LabelChange], to: Digest | None) -> int | None:
    """The number of the change after which the annotation was `to` for the last time."""
    for n, change in reversed(list(enumerate(changes))):
        if change.after == to:
            return change.number
        first = n == 0 or (changes[n - 1].before, changes[n - 1].after) != (
            change.before,
            change.after,
        )
        if change.before == to and first:
            return change.number - 1
    return None
